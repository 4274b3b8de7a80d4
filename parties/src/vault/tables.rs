//! The tables of the file and the keys of their rows.

use countersign_domain::ids::{KeyId, SessionId};
use redb::TableDefinition;
use uuid::Uuid;

/// The version of the file's layout that is written.
pub(super) const FORMAT: u32 = 1;

/// About the vault itself, by the names below.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Session → [`SessionRow`](super::rows::SessionRow).
pub(super) const SESSIONS: TableDefinition<'_, &SessionKey, &[u8]> =
    TableDefinition::new("sessions");
/// Key and epoch → [`PlaceRow`](super::rows::PlaceRow).
pub(super) const PLACES: TableDefinition<'_, &PlaceKey, &[u8]> = TableDefinition::new("places");
/// Key and epoch → the sealed share.
pub(super) const SHARES: TableDefinition<'_, &PlaceKey, &[u8]> = TableDefinition::new("shares");

/// [`FORMAT`], u32 big-endian.
pub(super) const META_FORMAT: &str = "format";
/// The party's name.
pub(super) const META_PARTY: &str = "party";
/// The [key check](super::key_check).
pub(super) const META_KEY_CHECK: &str = "key-check";
/// The sealed identity seed.
pub(super) const META_IDENTITY: &str = "identity";
/// The sealed secret that rows are authenticated with.
pub(super) const META_TABLE_SECRET: &str = "table-secret";
/// The [`Head`](super::rows::Head).
pub(super) const META_HEAD: &str = "head";

pub(super) type SessionKey = [u8; 16];
pub(super) type PlaceKey = [u8; 20];

pub(super) fn session_key(session: SessionId) -> SessionKey {
    *session.0.as_bytes()
}

/// Sorts as (key, epoch) does.
pub(super) fn place_key(key: KeyId, epoch: u32) -> PlaceKey {
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(key.0.as_bytes());
    bytes[16..].copy_from_slice(&epoch.to_be_bytes());
    bytes
}

pub(super) fn place_of(bytes: &PlaceKey) -> (KeyId, u32) {
    let mut key = [0; 16];
    let mut epoch = [0; 4];
    key.copy_from_slice(&bytes[..16]);
    epoch.copy_from_slice(&bytes[16..]);
    (KeyId(Uuid::from_bytes(key)), u32::from_be_bytes(epoch))
}
