//! The accounts as they are now.

use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountEvent, AccountStatus, normalised};
use countersign_domain::auth_key::{AuthKey, Thumbprint};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

use crate::store::Row;

/// What queries show of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account.
    pub account_id: AccountId,
    /// Unique, compared without case.
    pub username: String,
    /// Unique, compared without case.
    pub email: String,
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
    /// The aggregate, which later events are folded into.
    pub(crate) state: Account,
}

/// Which accounts to list; none of the fields lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// With this user name, compared without case.
    pub username: Option<String>,
    /// With this email address, compared without case.
    pub email: Option<String>,
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
        username,
        email,
        auth_key,
        quorum,
        ..
    } = event
    else {
        return None;
    };
    let mut state = Account::default();
    state.evolve(event);
    Some(AccountRow {
        view: AccountView {
            account_id: id,
            username: username.clone(),
            email: email.clone(),
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

/// What accounts are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum AccountFacet {
    Username(String),
    Email(String),
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
            AccountFacet::Username(normalised(&self.view.username)),
            AccountFacet::Email(normalised(&self.view.email)),
            AccountFacet::Status(self.view.status),
        ]
    }

    fn wanted(filter: &AccountFilter) -> Vec<AccountFacet> {
        let username = filter.username.as_deref().map(normalised);
        let email = filter.email.as_deref().map(normalised);
        let mut facets = vec![];
        facets.extend(username.map(AccountFacet::Username));
        facets.extend(email.map(AccountFacet::Email));
        facets.extend(filter.status.map(AccountFacet::Status));
        facets
    }
}
