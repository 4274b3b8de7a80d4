//! Three parties with fixed keys, and an outsider.

use std::sync::Arc;

use countersign_domain::Timestamp;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::{Member, PartyIdentity, Roster};
use countersign_messaging::IdentityKeys;
use uuid::Uuid;

pub(crate) const SESSION: SessionId = SessionId(Uuid::from_u128(7));

pub(crate) struct Party {
    pub(crate) id: PartyId,
    pub(crate) keys: Arc<IdentityKeys>,
}

impl Party {
    pub(crate) fn new(name: &str) -> Self {
        let mut seed = [0; 64];
        for (at, byte) in seed.iter_mut().enumerate() {
            let letter = name.as_bytes()[at % name.len()];
            *byte = letter.wrapping_add(u8::try_from(at).expect("64 bytes"));
        }
        Self {
            id: name.parse().expect("a legal name"),
            keys: Arc::new(IdentityKeys::from_seed(&seed)),
        }
    }

    pub(crate) fn identity(&self) -> PartyIdentity {
        self.keys.public(self.id.clone())
    }
}

pub(crate) struct Parties {
    pub(crate) alpha: Party,
    pub(crate) bravo: Party,
    pub(crate) charlie: Party,
    /// Not in the roster.
    pub(crate) outsider: Party,
    pub(crate) roster: Arc<Roster>,
}

pub(crate) fn parties() -> Parties {
    let [alpha, bravo, charlie, outsider] =
        ["alpha", "bravo", "charlie", "outsider"].map(Party::new);
    let pinned = [&alpha, &bravo, &charlie].map(Party::identity).to_vec();
    Parties {
        roster: Arc::new(Roster::new(pinned).expect("three different parties")),
        alpha,
        bravo,
        charlie,
        outsider,
    }
}

impl Parties {
    /// Alpha and bravo hold a key; charlie does not.
    pub(crate) fn members(&self) -> Vec<Member> {
        let holders = [self.alpha.id.clone(), self.bravo.id.clone()];
        self.roster.members(&holders).expect("both are pinned")
    }
}

/// The moment `seconds` after the tests began.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + seconds, 0).expect("in range")
}
