//! The accounts as they are now. Personal data stay sealed: whoever shows them opens
//! them, as long as there is a key.

use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountEvent, AccountStatus, normalised};
use countersign_domain::auth_key::{AuthKey, Thumbprint};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::personal::{Personal, PersonalData, Sealed};
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

use crate::store::Row;

/// What queries show of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account.
    pub account_id: AccountId,
    /// Unique, compared without case. None when it is sealed and cannot be opened.
    pub username: Option<String>,
    /// Unique, compared without case. None when it is sealed and cannot be opened.
    pub email: Option<String>,
    /// Whether the personal data were erased.
    #[serde(default)]
    pub erased: bool,
    /// The status.
    pub status: AccountStatus,
    /// How many must sign with keys that do not say otherwise.
    pub threshold: u8,
    /// How many hold a share of such keys.
    pub parties: u8,
    /// The key whose holder speaks for the account, a public JWK (RFC 7517).
    pub auth_key: AuthKey,
    /// The thumbprint of `auth_key` (RFC 7638, SHA-256).
    pub auth_key_thumbprint: Thumbprint,
    /// When it registered.
    #[serde(serialize_with = "crate::time::at")]
    pub created_at: Timestamp,
    /// When its last event was recorded.
    #[serde(serialize_with = "crate::time::at")]
    pub updated_at: Timestamp,
    /// How many events it has.
    pub version: u64,
    /// Position of its first event; lists are in this order.
    pub created_position: u64,
    /// Position of its last event.
    pub position: u64,
}

/// A row of the projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// What queries show.
    pub view: AccountView,
    /// The personal data, while they are sealed and not erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
    /// The aggregate, which later events are folded into.
    pub(crate) state: Account,
}

/// Which accounts to list; none of the fields lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// This one. Names are looked up where they are reserved.
    pub account: Option<AccountId>,
    /// In this status.
    pub status: Option<AccountStatus>,
}

/// Folds an event into the row; there is none as long as the account does not exist.
pub fn apply(
    current: &mut Option<AccountRow>,
    id: AccountId,
    recorded: &Recorded,
    event: &AccountEvent,
) {
    let Some(row) = current else {
        *current = registered(id, recorded, event);
        return;
    };
    row.state.evolve(event);
    if row.state.is_erased() {
        row.sealed = None;
        row.view.erased = true;
        row.view.username = None;
        row.view.email = None;
    }
    let view = &mut row.view;
    if let (Some(status), Some(key)) = (row.state.status(), row.state.auth_key()) {
        view.status = status;
        if view.auth_key != *key {
            view.auth_key = key.clone();
            view.auth_key_thumbprint = key.thumbprint();
        }
    }
    view.updated_at = recorded.recorded_at;
    view.version = recorded.version;
    view.position = recorded.position;
}

fn registered(id: AccountId, recorded: &Recorded, event: &AccountEvent) -> Option<AccountRow> {
    let AccountEvent::AccountRegistered {
        personal,
        auth_key,
        quorum,
    } = event
    else {
        return None;
    };
    let mut state = Account::default();
    state.evolve(event);
    let (username, email, sealed) = match personal {
        Personal::Open(data) => (Some(data.username.clone()), Some(data.email.clone()), None),
        Personal::Sealed(sealed) => (None, None, Some(sealed.clone())),
    };
    Some(AccountRow {
        sealed,
        view: AccountView {
            account_id: id,
            username,
            email,
            erased: false,
            status: state.status()?,
            threshold: quorum.threshold(),
            parties: quorum.parties(),
            auth_key: auth_key.clone(),
            auth_key_thumbprint: auth_key.thumbprint(),
            created_at: recorded.recorded_at,
            updated_at: recorded.recorded_at,
            version: recorded.version,
            created_position: recorded.position,
            position: recorded.position,
        },
        state,
    })
}

impl AccountRow {
    /// What queries show, with the personal data that `open` gives.
    #[must_use]
    pub fn opened(&self, open: Option<PersonalData>) -> AccountView {
        let mut view = self.view.clone();
        if let Some(data) = open {
            view.username = Some(data.username);
            view.email = Some(data.email);
        }
        view
    }

    /// A name in clear as the tables have it: that of a registration from before they
    /// were sealed, else nothing.
    pub(crate) fn in_clear(name: &Option<String>) -> String {
        name.as_deref().map(normalised).unwrap_or_default()
    }
}

/// What accounts are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum AccountFacet {
    Account(AccountId),
    Status(AccountStatus),
}

impl Row for AccountRow {
    type Facet = AccountFacet;
    type Filter = AccountFilter;

    fn id(&self) -> uuid::Uuid {
        self.view.account_id.0
    }

    fn created_position(&self) -> u64 {
        self.view.created_position
    }

    fn facets(&self) -> Vec<AccountFacet> {
        vec![
            AccountFacet::Account(self.view.account_id),
            AccountFacet::Status(self.view.status),
        ]
    }

    fn wanted(filter: &AccountFilter) -> Vec<AccountFacet> {
        let mut facets = vec![];
        facets.extend(filter.account.map(AccountFacet::Account));
        facets.extend(filter.status.map(AccountFacet::Status));
        facets
    }
}
