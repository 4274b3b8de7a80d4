//! The values that filters know by name.

use countersign_domain::account::AccountStatus;
use countersign_domain::key::KeyStatus;
use countersign_domain::session::{SessionKind, SessionStatus};

pub(crate) const ACCOUNT_STATUSES: &[AccountStatus] = &AccountStatus::ALL;
pub(crate) const KEY_STATUSES: &[KeyStatus] = &KeyStatus::ALL;
pub(crate) const SESSION_STATUSES: &[SessionStatus] = &SessionStatus::ALL;
pub(crate) const SESSION_KINDS: &[SessionKind] = &[
    SessionKind::Keygen,
    SessionKind::Sign,
    SessionKind::Refresh,
    SessionKind::Recover,
];
