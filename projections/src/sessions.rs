//! The sessions as they are, or as they ended.
//!
//! While a session is open its row keeps the aggregate, and all statuses are the
//! aggregate's. Nothing can happen to a session that is over, so the aggregate
//! (and with it the intent) is dropped then: what remains is small, because there
//! will be many.

mod row;
mod view;

use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::session::{SessionEvent, SessionKind, SessionStatus};
use countersign_event_store::Recorded;

pub use row::SessionRow;
pub use view::{
    AttemptView, DeviceView, FailureView, ParticipantView, SessionView, SignatureForms,
};

use crate::store::Row;

/// Which sessions to list; none of the fields lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// That make or use this key.
    pub key: Option<KeyId>,
    /// In this status.
    pub status: Option<SessionStatus>,
    /// Of this kind.
    pub kind: Option<SessionKind>,
}

/// Folds an event into the row; there is none as long as the session does not exist.
pub fn apply(
    row: &mut Option<SessionRow>,
    id: SessionId,
    recorded: &Recorded,
    event: &SessionEvent,
) {
    match row {
        Some(row) => row.advance(recorded, event),
        None => *row = SessionRow::created(id, recorded, event),
    }
}

/// What sessions are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SessionFacet {
    Account(AccountId),
    Key(KeyId),
    Status(SessionStatus),
    Kind(SessionKind),
}

impl Row for SessionRow {
    type Facet = SessionFacet;
    type Filter = SessionFilter;

    fn id(&self) -> uuid::Uuid {
        self.view.session_id.0
    }

    fn created_position(&self) -> u64 {
        self.view.created_position
    }

    fn facets(&self) -> Vec<SessionFacet> {
        vec![
            SessionFacet::Account(self.view.account_id),
            SessionFacet::Key(self.view.key_id),
            SessionFacet::Status(self.view.status),
            SessionFacet::Kind(self.view.kind),
        ]
    }

    fn wanted(filter: &SessionFilter) -> Vec<SessionFacet> {
        let mut facets = vec![];
        facets.extend(filter.account.map(SessionFacet::Account));
        facets.extend(filter.key.map(SessionFacet::Key));
        facets.extend(filter.status.map(SessionFacet::Status));
        facets.extend(filter.kind.map(SessionFacet::Kind));
        facets
    }
}
