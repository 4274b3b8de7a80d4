//! The sending end of frames.

use std::fmt;
use std::sync::Arc;

use countersign_domain::bytes::Hex;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::PartyIdentity;
use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::{Ends, FrameError, FrameHeader, FrameKind, MAX_FRAME, OPENING, TAG, wire};
use crate::channel::{self, Sealer, Sealers};
use crate::identity::IdentityKeys;
use crate::seal;

/// Makes the frames of one party. It has a channel to each peer, opened by the first
/// frame.
pub struct FrameSealer {
    me: PartyId,
    keys: Arc<IdentityKeys>,
    channels: Sealers<(PartyId, Hex<32>)>,
}

impl FrameSealer {
    /// For the party `me`, whose keys these are.
    #[must_use]
    pub fn new(me: PartyId, keys: Arc<IdentityKeys>) -> Self {
        Self {
            me,
            keys,
            channels: Sealers::default(),
        }
    }

    /// Makes a frame to one party: nobody else can read its body.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`], or [`FrameError::Seal`] for an unusable seal key.
    pub fn seal(
        &self,
        place: (SessionId, u32),
        to: &PartyIdentity,
        kind: FrameKind,
        round: u8,
        body: &[u8],
    ) -> Result<Vec<u8>, FrameError> {
        let (session, attempt) = place;
        let head = wire::encode(&FrameHeader {
            session,
            attempt,
            from: self.me.clone(),
            to: to.party.clone(),
            round,
            kind,
        });
        // All at once: a reallocation would leave plaintext behind.
        let size = head.len() + OPENING + channel::OVERHEAD + body.len();
        if size > MAX_FRAME {
            return Err(FrameError::TooLarge(size));
        }
        let channel = self
            .channels
            .get((to.party.clone(), to.seal_key), || self.open_channel(to))?;
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        out.extend_from_slice(&head);
        channel.seal_onto(&mut out, &head, body);
        Ok(std::mem::take(&mut *out))
    }

    fn open_channel(&self, to: &PartyIdentity) -> Result<Sealer, FrameError> {
        let ends = Ends {
            from: &self.me,
            to: &to.party,
        };
        let (encapsulated, key) = seal::export_to(&to.seal_key.0, &ends.input(&[]), TAG.as_bytes())
            .map_err(FrameError::Seal)?;
        let signature = self.keys.sign.sign(&ends.input(&encapsulated)).to_bytes();
        Ok(Sealer::new([&encapsulated[..], &signature].concat(), &key))
    }
}

impl fmt::Debug for FrameSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameSealer({})", self.me)
    }
}
