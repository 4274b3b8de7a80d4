//! What a party says of itself every few seconds, signed.

use countersign_domain::Timestamp;
use countersign_domain::bytes::{Digest, Hex};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::MAX_SKEW;
use crate::envelope::{self, EnvelopeError};
use crate::identity::IdentityKeys;

const TAG: &str = "countersign-heartbeat-v1";

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who lives.
    pub party: PartyId,
    /// When it was sent, by the party's clock.
    pub sent_at: Timestamp,
    /// When the party started.
    pub started_at: Timestamp,
    /// Its software's version.
    pub version: String,
    /// The engines it has; those unknown to this build are left out.
    #[serde(deserialize_with = "known_engines")]
    pub engines: Vec<EngineId>,
    /// The [`roster_fingerprint`] of the roster that it pins.
    pub roster: Digest,
    /// Ceremonies it is running.
    pub running: u32,
}

/// Why a heartbeat was dropped.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// Not signed by a party of the roster.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Signed, and not a heartbeat.
    #[error("malformed heartbeat")]
    Malformed(#[source] serde_json::Error),
    /// One party speaks for another.
    #[error("party `{signer}` signed a heartbeat of party `{party}`")]
    Party {
        /// Whose heartbeat it is said to be.
        party: PartyId,
        /// Who signed it.
        signer: PartyId,
    },
    /// No newer than the last one: sent again by somebody, or out of order.
    #[error("a heartbeat of party `{0}` is not newer than the last one")]
    Old(PartyId),
    /// Replayed from long ago, or the clocks disagree.
    #[error(
        "a heartbeat of party `{party}` is dated {sent_at}, more than {} s off: check the clocks",
        MAX_SKEW.num_seconds()
    )]
    Skew {
        /// Whose.
        party: PartyId,
        /// What it says.
        sent_at: Timestamp,
    },
}

impl Heartbeat {
    /// Signs and encodes it.
    #[must_use]
    pub fn sign(&self, keys: &IdentityKeys) -> Vec<u8> {
        let body = serde_json::to_vec(self).expect("a tree of strings and numbers");
        envelope::sign(TAG, &self.party, keys, body)
    }

    /// Verifies and decodes it.
    ///
    /// # Errors
    /// [`HeartbeatError`] unless the party of the roster that it names signed it.
    pub fn open(bytes: &[u8], roster: &Roster) -> Result<Self, HeartbeatError> {
        let (signer, body) = envelope::open(TAG, bytes, roster)?;
        let heartbeat: Self = serde_json::from_slice(&body).map_err(HeartbeatError::Malformed)?;
        if heartbeat.party == signer {
            Ok(heartbeat)
        } else {
            Err(HeartbeatError::Party {
                party: heartbeat.party,
                signer,
            })
        }
    }
}

/// SHA-256 over a whole pinned roster, whatever its order: names and identity
/// keys. Two parties with different fingerprints will not agree on a key.
#[must_use]
pub fn roster_fingerprint(roster: &Roster) -> Digest {
    let mut parties: Vec<_> = roster.parties().iter().collect();
    parties.sort_by(|a, b| a.party.cmp(&b.party));
    let mut hash = Sha256::new_with_prefix(b"countersign-pinned-roster-v1\n");
    for identity in parties {
        hash.update(format!(
            "{} {} {}\n",
            identity.party, identity.sign_key, identity.seal_key
        ));
    }
    Hex(hash.finalize().into())
}

/// A newer party may have engines that this build has never heard of; it is
/// present all the same.
fn known_engines<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<EngineId>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
