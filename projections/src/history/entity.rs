//! What has a history: accounts, keys and sessions.

use std::fmt::{Debug, Display};

use countersign_domain::account::Account;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::Key;
use countersign_domain::session::Session;
use countersign_event_store::{Decoded, Recorded, StreamId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountRow, KeyRow, SessionRow, accounts, keys, sessions};

/// A kind of thing that has a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An account.
    Account,
    /// A key.
    Key,
    /// A session.
    Session,
}

impl Kind {
    /// Whose stream it is, if it is of one of these.
    #[must_use]
    pub fn of(stream: &StreamId) -> Option<Self> {
        match &*stream.aggregate_type {
            Account::TYPE => Some(Self::Account),
            Key::TYPE => Some(Self::Key),
            Session::TYPE => Some(Self::Session),
            _ => None,
        }
    }

    /// Its name, which is that of its streams.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => Account::TYPE,
            Self::Key => Key::TYPE,
            Self::Session => Session::TYPE,
        }
    }
}

/// A row that is folded from the events of one stream.
pub trait Entity:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Which one of the kind.
    type Id: Copy + Display + Send + Sync;

    /// Its kind.
    const KIND: Kind;

    /// Its stream.
    #[must_use]
    fn stream(id: Self::Id) -> StreamId {
        StreamId::new(Self::KIND.name(), id)
    }

    /// Folds an event of its stream, as the projection does.
    fn fold(current: &mut Option<Self>, recorded: &Recorded, decoded: &Decoded);

    /// What queries show of it, as JSON.
    fn show(&self) -> Value;
}

impl Entity for AccountRow {
    type Id = AccountId;

    const KIND: Kind = Kind::Account;

    fn fold(current: &mut Option<Self>, recorded: &Recorded, decoded: &Decoded) {
        if let Decoded::Account(id, event) = decoded {
            accounts::apply(current, *id, recorded, event);
        }
    }

    fn show(&self) -> Value {
        json(&self.view)
    }
}

impl Entity for KeyRow {
    type Id = KeyId;

    const KIND: Kind = Kind::Key;

    fn fold(current: &mut Option<Self>, recorded: &Recorded, decoded: &Decoded) {
        if let Decoded::Key(id, event) = decoded {
            keys::apply(current, *id, recorded, event);
        }
    }

    fn show(&self) -> Value {
        json(&self.view)
    }
}

impl Entity for SessionRow {
    type Id = SessionId;

    const KIND: Kind = Kind::Session;

    fn fold(current: &mut Option<Self>, recorded: &Recorded, decoded: &Decoded) {
        if let Decoded::Session(id, event) = decoded {
            sessions::apply(current, *id, recorded, event);
        }
    }

    fn show(&self) -> Value {
        json(&self.view.in_all_forms())
    }
}

fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views have no maps with other keys than strings")
}
