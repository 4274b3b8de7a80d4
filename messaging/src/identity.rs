//! A party's own identity keys.

use std::fmt;

use countersign_domain::bytes::Hex;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::{PartyIdentity, Roster};
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::seal;

/// The private half of a [`PartyIdentity`]. `Debug` shows nothing of it.
pub struct IdentityKeys {
    /// Ed25519 (RFC 8032): signs frames, commands, heartbeats and receipts.
    pub sign: SigningKey,
    /// X25519: payloads to this party are sealed to it.
    pub(crate) seal: seal::PrivateKey,
    seal_seed: Zeroizing<[u8; 32]>,
}

impl IdentityKeys {
    /// The keys of 64 bytes of entropy: the Ed25519 seed, then the X25519
    /// private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 64]) -> Self {
        let (sign, seal) = seed.split_at(32);
        let sign = Zeroizing::new(<[u8; 32]>::try_from(sign).expect("half of 64 bytes"));
        let seal_seed = Zeroizing::new(<[u8; 32]>::try_from(seal).expect("half of 64 bytes"));
        Self {
            sign: SigningKey::from_bytes(&sign),
            seal: seal::private_key(&seal_seed),
            seal_seed,
        }
    }

    /// The entropy these keys were made from, to be stored.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; 64]> {
        let mut seed = Zeroizing::new([0; 64]);
        seed[..32].copy_from_slice(self.sign.as_bytes());
        seed[32..].copy_from_slice(&self.seal_seed[..]);
        seed
    }

    /// The public identity, under the name `party`.
    #[must_use]
    pub fn public(&self, party: PartyId) -> PartyIdentity {
        PartyIdentity {
            party,
            sign_key: Hex(self.sign.verifying_key().to_bytes()),
            seal_key: Hex(seal::public_key(&self.seal)),
        }
    }

    /// Whether the roster pins exactly these keys for `party`.
    #[must_use]
    pub fn are_pinned(&self, party: &PartyId, roster: &Roster) -> bool {
        roster
            .get(party)
            .is_some_and(|pinned| *pinned == self.public(party.clone()))
    }
}

impl fmt::Debug for IdentityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKeys(redacted)")
    }
}
