//! Bytes sealed to one party, by anybody: invitations, which carry a one-time
//! join token.
//!
//! Nothing here says who the sender is. An invitation authorises nothing, and
//! the party that opens one verifies the intent in it for itself.

use std::fmt;
use std::sync::Arc;

use countersign_domain::bytes::Hex;
use countersign_domain::roster::PartyIdentity;
use hpke::HpkeError;
use zeroize::Zeroizing;

use crate::channel::{self, Opener, Openers, Sealer, Sealers};
use crate::identity::IdentityKeys;
use crate::seal;

const TAG: &[u8] = b"countersign-invitation-v2";

/// How many channels a party remembers: of each replica of the coordinator one.
const CHANNELS: usize = 32;

/// Sealing to a party, or opening, failed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The recipient's seal key cannot be sealed to.
    #[error("cannot seal to the seal key of party `{party}`")]
    Recipient {
        /// Whose key it is.
        party: String,
        /// What HPKE says.
        #[source]
        source: HpkeError,
    },
    /// Sealed to another key, for another purpose, or changed on the way.
    #[error("these bytes were not sealed to this party as an invitation, or were changed")]
    Open,
}

/// Seals invitations: the coordinator's end.
#[derive(Default)]
pub struct InvitationSealer(Sealers<Hex<32>>);

impl InvitationSealer {
    /// Seals an invitation to a party.
    ///
    /// # Errors
    /// [`SealError::Recipient`] for an unusable seal key.
    pub fn seal(&self, to: &PartyIdentity, invitation: &[u8]) -> Result<Vec<u8>, SealError> {
        let channel = self.0.get(to.seal_key, || {
            let (encapsulated, key) = seal::export_to(&to.seal_key.0, TAG, TAG)?;
            Ok(Sealer::new(encapsulated, &key))
        });
        let channel = channel.map_err(|source| SealError::Recipient {
            party: to.party.to_string(),
            source,
        })?;
        // All at once: a reallocation would leave plaintext behind.
        let size = seal::KEY + channel::OVERHEAD + invitation.len();
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        channel.seal_onto(&mut out, &[], invitation);
        Ok(std::mem::take(&mut *out))
    }
}

impl fmt::Debug for InvitationSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationSealer")
    }
}

/// Opens invitations: a party's end.
pub struct InvitationOpener {
    keys: Arc<IdentityKeys>,
    channels: Openers<()>,
}

impl InvitationOpener {
    /// For the party whose keys these are.
    #[must_use]
    pub fn new(keys: Arc<IdentityKeys>) -> Self {
        Self {
            keys,
            channels: Openers::new(CHANNELS),
        }
    }

    /// Opens an invitation.
    ///
    /// # Errors
    /// [`SealError::Open`] for anything that was not sealed to this party as one.
    pub fn open(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (opening, sealed) = bytes
            .split_first_chunk::<{ seal::KEY }>()
            .ok_or(SealError::Open)?;
        let derive = || {
            let key = seal::export_from(&self.keys.seal, opening, TAG, TAG)?;
            Ok(Opener::new(*opening, &key))
        };
        let channel = self.channels.get((), opening, derive);
        let channel = channel.map_err(|_: HpkeError| SealError::Open)?;
        channel.open(&[], sealed).ok_or(SealError::Open)
    }
}

impl fmt::Debug for InvitationOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationOpener")
    }
}
