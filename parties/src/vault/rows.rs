//! The authenticated rows of the vault's tables, and their stored encodings.
//!
//! Every row is a version byte, its fields, and an HMAC-SHA256 over table, row key
//! and all before it. The counters in a row only grow, and so do their sums in the
//! [`Head`]: a row that is missing or is put back to an earlier state makes the
//! sums smaller than the head says, and no row is newer than the newest.

use countersign_domain::bytes::{Digest, Hex};
use countersign_domain::ids::{PartyId, SessionId};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The version that is written, of all rows.
pub(super) const VERSION: u8 = 1;

const TAG: usize = 32;

/// The key that rows are authenticated with.
pub(super) struct TableKey(Zeroizing<[u8; 32]>);

/// What a row is about; part of what its tag covers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    Head = 1,
    Sessions = 2,
    Places = 3,
}

/// Why a row could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("row version {0}")]
    Version(u8),
    #[error("a row that was changed")]
    Forged,
}

/// A row's fields, to and from bytes.
pub(super) trait Row: Sized {
    const TABLE: Table;

    fn write(&self, body: &mut Vec<u8>);

    /// None if these are no fields of such a row.
    fn read(body: &[u8]) -> Option<Self>;
}

/// What has happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionRow {
    /// How many attempts were begun.
    pub(super) begun: u32,
    /// The highest attempt that was begun.
    pub(super) attempt: u32,
    /// What all attempts are for.
    pub(super) digest: Digest,
    /// What else the highest attempt is for.
    pub(super) binding: Digest,
    pub(super) result: Option<Vec<u8>>,
}

/// What is stored for a key and epoch. It stays when the share is discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlaceRow {
    /// How many times this place was written or discarded.
    pub(super) changes: u32,
    /// The session that made the share.
    pub(super) session: SessionId,
    /// The fingerprint of the sealed share, unless it was discarded.
    pub(super) sealed: Option<[u8; 32]>,
}

/// The sums over all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sessions: u64,
    pub(super) begun: u64,
    pub(super) finished: u64,
    pub(super) places: u64,
    pub(super) changes: u64,
}

impl TableKey {
    /// Derived from the vault's table secret (HKDF, RFC 5869).
    pub(super) fn derive(party: &PartyId, secret: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"countersign-vault-rows-v1"), secret)
            .expand(party.as_str().as_bytes(), &mut *key)
            .expect("HKDF gives 32 bytes");
        Self(key)
    }

    pub(super) fn encode<R: Row>(&self, row_key: &[u8], row: &R) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        row.write(&mut bytes);
        let tag = self.mac(R::TABLE, row_key, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        bytes
    }

    pub(super) fn decode<R: Row>(&self, row_key: &[u8], bytes: &[u8]) -> Result<R, RowError> {
        let (signed, tag) = bytes.split_last_chunk::<TAG>().ok_or(RowError::Forged)?;
        self.mac(R::TABLE, row_key, signed)
            .verify_slice(tag)
            .map_err(|_| RowError::Forged)?;
        let (&version, body) = signed.split_first().ok_or(RowError::Forged)?;
        if version != VERSION {
            return Err(RowError::Version(version));
        }
        R::read(body).ok_or(RowError::Forged)
    }

    fn mac(&self, table: Table, row_key: &[u8], signed: &[u8]) -> Hmac<Sha256> {
        let length = u8::try_from(row_key.len()).expect("row keys have at most 20 bytes");
        Hmac::<Sha256>::new_from_slice(&*self.0)
            .expect("HMAC takes a key of any length")
            .chain_update([table as u8, length])
            .chain_update(row_key)
            .chain_update(signed)
    }
}

impl Row for SessionRow {
    const TABLE: Table = Table::Sessions;

    fn write(&self, body: &mut Vec<u8>) {
        body.push(u8::from(self.result.is_some()));
        body.extend_from_slice(&self.begun.to_be_bytes());
        body.extend_from_slice(&self.attempt.to_be_bytes());
        body.extend_from_slice(&self.digest.0);
        body.extend_from_slice(&self.binding.0);
        body.extend_from_slice(self.result.as_deref().unwrap_or_default());
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (&has_result, rest) = body.split_first()?;
        let (begun, rest) = rest.split_first_chunk()?;
        let (attempt, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (binding, result) = rest.split_first_chunk()?;
        Some(Self {
            begun: u32::from_be_bytes(*begun),
            attempt: u32::from_be_bytes(*attempt),
            digest: Hex(*digest),
            binding: Hex(*binding),
            result: (has_result == 1).then(|| result.to_vec()),
        })
    }
}

impl Row for PlaceRow {
    const TABLE: Table = Table::Places;

    fn write(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(&self.changes.to_be_bytes());
        body.extend_from_slice(self.session.0.as_bytes());
        body.extend_from_slice(self.sealed.as_ref().map_or(&[][..], |sealed| sealed));
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (changes, rest) = body.split_first_chunk()?;
        let (session, sealed) = rest.split_first_chunk()?;
        let sealed = match sealed.len() {
            0 => None,
            _ => Some(sealed.try_into().ok()?),
        };
        Some(Self {
            changes: u32::from_be_bytes(*changes),
            session: SessionId(Uuid::from_bytes(*session)),
            sealed,
        })
    }
}

impl Row for Head {
    const TABLE: Table = Table::Head;

    fn write(&self, body: &mut Vec<u8>) {
        for sum in [
            self.sessions,
            self.begun,
            self.finished,
            self.places,
            self.changes,
        ] {
            body.extend_from_slice(&sum.to_be_bytes());
        }
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (sums, rest) = body.as_chunks::<8>();
        let &[sessions, begun, finished, places, changes] = sums else {
            return None;
        };
        rest.is_empty().then(|| Self {
            sessions: u64::from_be_bytes(sessions),
            begun: u64::from_be_bytes(begun),
            finished: u64::from_be_bytes(finished),
            places: u64::from_be_bytes(places),
            changes: u64::from_be_bytes(changes),
        })
    }
}
