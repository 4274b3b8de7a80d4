//! The receiving end of frames.

use std::fmt;
use std::sync::Arc;

use countersign_domain::bytes::Hex;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::{Member, PartyIdentity};
use zeroize::Zeroizing;

use super::wire::Wire;
use super::{Ends, FrameError, FrameHeader, OPENING, TAG};
use crate::channel::{Opener, Openers};
use crate::envelope::verify;
use crate::identity::IdentityKeys;
use crate::seal;

/// How many channels of one sender are remembered: an honest one has one for its
/// signatures, and one for each key that it is making.
const CHANNELS: usize = 8;

/// Verifies and opens the frames to one party.
pub struct FrameOpener {
    me: PartyId,
    keys: Arc<IdentityKeys>,
    channels: Openers<(PartyId, Hex<32>)>,
}

impl FrameOpener {
    /// For the party `me`, whose keys these are.
    #[must_use]
    pub fn new(me: PartyId, keys: Arc<IdentityKeys>) -> Self {
        Self {
            me,
            keys,
            channels: Openers::new(CHANNELS),
        }
    }

    /// Verifies a frame and opens its body.
    ///
    /// `members` are those who may speak in this attempt: its signers, or all the
    /// parties of the key. `place` is the session and the attempt that the receiver
    /// is in.
    ///
    /// # Errors
    /// [`FrameError`] says what is wrong. None of it is evidence against the party
    /// that the header names: it may be the doing of whoever carries the frames.
    pub fn open(
        &self,
        bytes: &[u8],
        members: &[Member],
        place: (SessionId, u32),
    ) -> Result<(FrameHeader, Zeroizing<Vec<u8>>), FrameError> {
        let Wire { header, head, rest } = Wire::parse(bytes)?;
        if header.session != place.0 {
            return Err(FrameError::Session(header.session));
        }
        if header.attempt != place.1 {
            return Err(FrameError::Attempt(header.attempt));
        }
        if header.from == self.me {
            return Err(FrameError::Reflected);
        }
        if header.to != self.me {
            return Err(FrameError::Addressee(header.to));
        }
        let mut identities = members.iter().map(|member| &member.identity);
        let Some(sender) = identities.find(|identity| identity.party == header.from) else {
            return Err(FrameError::NotAMember(header.from));
        };
        let (opening, sealed) = rest
            .split_first_chunk::<OPENING>()
            .ok_or(FrameError::Truncated(bytes.len()))?;
        let channel =
            self.channels
                .get((sender.party.clone(), sender.sign_key), opening, || {
                    self.accept(sender, opening)
                })?;
        let Some(body) = channel.open(head, sealed) else {
            return Err(FrameError::Open(header.from));
        };
        Ok((header, body))
    }

    /// Verifies that the sender signed the opening, and derives its key.
    fn accept(
        &self,
        sender: &PartyIdentity,
        opening: &[u8; OPENING],
    ) -> Result<Opener, FrameError> {
        let ends = Ends {
            from: &sender.party,
            to: &self.me,
        };
        let (encapsulated, signature) = opening.split_at(seal::KEY);
        let signature = signature.try_into().expect("the rest of an opening");
        verify(&sender.sign_key, &ends.input(encapsulated), signature).map_err(|source| {
            FrameError::Signature {
                party: sender.party.clone(),
                source,
            }
        })?;
        let info = ends.input(&[]);
        let key = seal::export_from(&self.keys.seal, encapsulated, &info, TAG.as_bytes()).map_err(
            |source| FrameError::Channel {
                party: sender.party.clone(),
                source,
            },
        )?;
        Ok(Opener::new(*opening, &key))
    }
}

impl fmt::Debug for FrameOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameOpener({})", self.me)
    }
}
