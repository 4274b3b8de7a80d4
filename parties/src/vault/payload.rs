//! The stored encoding of a record and its share, as it is before sealing.
//!
//! Version 1: one byte, the version; the length of the record, u32 big-endian;
//! the record, JSON; the share. Once a version has been released its encoding
//! does not change: the golden fixture holds it.

use zeroize::Zeroizing;

use super::record::{ShareRecord, StoredShare};

/// The version that is written.
pub(super) const VERSION: u8 = 1;

const HEADER: usize = 5;

/// Why a payload could not be read, though it authenticated.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    #[error("share version {0}")]
    Version(u8),
    #[error("a share that ends too early")]
    Short,
    #[error("a share whose record cannot be read")]
    Record(#[source] serde_json::Error),
}

pub(super) fn encode(record: &ShareRecord, share: &[u8]) -> Zeroizing<Vec<u8>> {
    let json = serde_json::to_vec(record).expect("a record has string keys and no floats");
    let length = u32::try_from(json.len()).expect("a record is far below 4 GiB");
    // Sized at once: a vector that grows leaves copies of the share behind.
    let mut payload = Zeroizing::new(Vec::with_capacity(HEADER + json.len() + share.len()));
    payload.push(VERSION);
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(&json);
    payload.extend_from_slice(share);
    payload
}

pub(super) fn decode(payload: &[u8]) -> Result<StoredShare, PayloadError> {
    let (&version, rest) = payload.split_first().ok_or(PayloadError::Short)?;
    if version != VERSION {
        return Err(PayloadError::Version(version));
    }
    let (length, rest) = rest.split_first_chunk().ok_or(PayloadError::Short)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| PayloadError::Short)?;
    let (json, share) = rest.split_at_checked(length).ok_or(PayloadError::Short)?;
    let record = serde_json::from_slice(json).map_err(PayloadError::Record)?;
    Ok((record, Zeroizing::new(share.to_vec())))
}
