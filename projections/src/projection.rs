//! The projections by name.

use std::fmt;
use std::str::FromStr;

use countersign_domain::account::Account;
use countersign_domain::decider::Decider as _;
use countersign_domain::key::Key;
use countersign_domain::session::Session;
use countersign_event_store::StreamId;
use serde::{Deserialize, Serialize};

/// A read model that is folded, rebuilt and verified by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// The accounts as they are.
    Accounts,
    /// The keys as they are.
    Keys,
    /// The sessions as they are, with their participants.
    Sessions,
    /// What the parties have done.
    Parties,
    /// What happened in each session, in order.
    Timeline,
}

/// No projection has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no projection `{0}`: it is one of accounts, keys, sessions, parties, timeline")]
pub struct UnknownProjection(String);

impl Projection {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Accounts,
        Self::Keys,
        Self::Sessions,
        Self::Parties,
        Self::Timeline,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Keys => "keys",
            Self::Sessions => "sessions",
            Self::Parties => "parties",
            Self::Timeline => "timeline",
        }
    }

    /// Whether it folds the events of this stream.
    #[must_use]
    pub fn concerns(self, stream: &StreamId) -> bool {
        let kind = match self {
            Self::Accounts => Account::TYPE,
            Self::Keys => Key::TYPE,
            Self::Sessions | Self::Parties | Self::Timeline => Session::TYPE,
        };
        stream.aggregate_type == kind
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Projection {
    type Err = UnknownProjection;

    fn from_str(name: &str) -> Result<Self, UnknownProjection> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| UnknownProjection(name.to_owned()))
    }
}
