//! Who the parties are: the pinned roster, and the members of one key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bytes::{Digest, Hex};
use crate::ids::PartyId;

/// A party's public identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyIdentity {
    /// Its name.
    pub party: PartyId,
    /// Ed25519 key that signs its frames, commands and receipts (RFC 8032).
    pub sign_key: Hex<32>,
    /// X25519 key that payloads to it are sealed to (RFC 7748, HPKE RFC 9180).
    pub seal_key: Hex<32>,
}

/// The pinned roster: every party of a deployment, in the file `roster.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRoster")]
pub struct Roster {
    version: u16,
    parties: Vec<PartyIdentity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoster {
    version: u16,
    parties: Vec<PartyIdentity>,
}

/// What is wrong with a roster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A version this build does not know.
    #[error("roster version {0} is not supported: this build reads version 1")]
    Version(u16),
    /// A party is listed twice.
    #[error("party `{0}` is in the roster twice")]
    Twice(PartyId),
    /// Two parties share a key, so one could speak for the other.
    #[error("party `{0}` has an identity key that another party has too")]
    SharedKey(PartyId),
    /// A party is not in the roster.
    #[error("party `{0}` is not in the roster")]
    Unknown(PartyId),
    /// A party's keys differ from the pinned ones.
    #[error("the identity keys of party `{0}` differ from the pinned roster")]
    Mismatch(PartyId),
    /// Indices are not 1, 2, 3 …
    #[error("party `{0}` has the wrong index")]
    Index(PartyId),
}

impl Roster {
    /// A roster of these parties.
    ///
    /// # Errors
    /// [`RosterError`] for a name or key that occurs twice.
    pub fn new(parties: Vec<PartyIdentity>) -> Result<Self, RosterError> {
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for identity in &parties {
            if !names.insert(&identity.party) {
                return Err(RosterError::Twice(identity.party.clone()));
            }
            if !keys.insert(identity.sign_key) || !keys.insert(identity.seal_key) {
                return Err(RosterError::SharedKey(identity.party.clone()));
            }
        }
        Ok(Self {
            version: 1,
            parties,
        })
    }

    /// The parties, in the order of the file.
    #[must_use]
    pub fn parties(&self) -> &[PartyIdentity] {
        &self.parties
    }

    /// The identity of a party.
    #[must_use]
    pub fn get(&self, party: &PartyId) -> Option<&PartyIdentity> {
        self.parties.iter().find(|p| p.party == *party)
    }

    /// The members of a key held by `parties`, indexed 1 … n in that order.
    ///
    /// # Errors
    /// [`RosterError::Unknown`] for a party that is not in this roster,
    /// [`RosterError::Index`] for more parties than there are indices.
    pub fn members(&self, parties: &[PartyId]) -> Result<Vec<Member>, RosterError> {
        (1usize..)
            .zip(parties)
            .map(|(index, party)| {
                let identity = self
                    .get(party)
                    .ok_or_else(|| RosterError::Unknown(party.clone()))?;
                Ok(Member {
                    index: u8::try_from(index).map_err(|_| RosterError::Index(party.clone()))?,
                    identity: identity.clone(),
                })
            })
            .collect()
    }

    /// Checks that these members are parties of this roster with these very
    /// keys, indexed 1 … n, each once.
    ///
    /// # Errors
    /// [`RosterError`] names the first party that is wrong.
    pub fn check(&self, members: &[Member]) -> Result<(), RosterError> {
        let mut seen = BTreeSet::new();
        for (index, member) in (1usize..).zip(members) {
            let party = &member.identity.party;
            let pinned = self
                .get(party)
                .ok_or_else(|| RosterError::Unknown(party.clone()))?;
            if *pinned != member.identity {
                return Err(RosterError::Mismatch(party.clone()));
            }
            if usize::from(member.index) != index {
                return Err(RosterError::Index(party.clone()));
            }
            if !seen.insert(party) {
                return Err(RosterError::Twice(party.clone()));
            }
        }
        Ok(())
    }
}

impl TryFrom<RawRoster> for Roster {
    type Error = RosterError;

    fn try_from(raw: RawRoster) -> Result<Self, RosterError> {
        if raw.version != 1 {
            return Err(RosterError::Version(raw.version));
        }
        Self::new(raw.parties)
    }
}

/// A holder of a share of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Position among the key's parties, from 1; the engines' evaluation point.
    pub index: u8,
    /// Who it is.
    #[serde(flatten)]
    pub identity: PartyIdentity,
}

/// Whether these members are indexed 1 … n, each party once.
pub(crate) fn well_formed<'a>(members: impl Iterator<Item = &'a Member>) -> bool {
    let mut seen = BTreeSet::new();
    (1usize..).zip(members).all(|(index, member)| {
        usize::from(member.index) == index && seen.insert(&member.identity.party)
    })
}

/// SHA-256 over the members of a key: names, indices and identity keys. Parties
/// and clients compute it from their own pinned roster and compare.
#[must_use]
pub fn fingerprint(members: &[Member]) -> Digest {
    let mut hash = Sha256::new_with_prefix(b"countersign-roster-v1\n");
    for member in members {
        hash.update(format!(
            "{} {} {} {}\n",
            member.index, member.identity.party, member.identity.sign_key, member.identity.seal_key
        ));
    }
    Hex(hash.finalize().into())
}
