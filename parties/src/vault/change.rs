//! The changes of a vault: each is decided on what is stored, and then written.
//!
//! Deciding writes nothing, so a change that is refused leaves the others of its
//! commit alone.

use countersign_domain::bytes::Digest;
use countersign_domain::ids::{KeyId, SessionId};
use redb::{ReadableTable as _, Table, WriteTransaction};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::error::VaultError;
use super::inner::Inner;
use super::payload;
use super::rows::{Head, PlaceRow, SessionRow};
use super::sealed;
use super::tables::{
    META, META_HEAD, PLACES, PlaceKey, SESSIONS, SHARES, SessionKey, place_key, session_key,
};

/// Something to be changed.
pub(super) enum Change {
    Put {
        key: KeyId,
        epoch: u32,
        session: SessionId,
        payload: Zeroizing<Vec<u8>>,
        sealed: Vec<u8>,
    },
    SetReceipt {
        key: KeyId,
        epoch: u32,
        receipt: String,
    },
    Discard {
        key: KeyId,
        epoch: u32,
    },
    Begin {
        session: SessionId,
        attempt: u32,
        digest: Digest,
        binding: Digest,
    },
    Finish {
        session: SessionId,
        result: Vec<u8>,
    },
}

/// How a change went. Only [`Change::Begin`] has more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    AlreadyBegun,
    OtherDigest,
    Finished,
}

/// What a change comes to.
pub(super) enum Decision {
    /// Nothing is to be written.
    Answer(Verdict),
    Session(SessionKey, SessionRow),
    /// The sealed share goes with the row, or goes away.
    Place(PlaceKey, PlaceRow, Option<Vec<u8>>),
}

/// The tables of one write.
pub(super) struct Tables<'a> {
    inner: &'a Inner,
    meta: Table<'a, &'static str, &'static [u8]>,
    sessions: Table<'a, &'static SessionKey, &'static [u8]>,
    places: Table<'a, &'static PlaceKey, &'static [u8]>,
    shares: Table<'a, &'static PlaceKey, &'static [u8]>,
    head: Head,
}

impl<'a> Tables<'a> {
    pub(super) fn open(inner: &'a Inner, write: &'a WriteTransaction) -> Result<Self, VaultError> {
        let failed = |error| inner.failed(error);
        let meta = write.open_table(META).map_err(failed)?;
        let head = {
            let stored = meta.get(META_HEAD).map_err(|e| inner.failed(e))?;
            let stored =
                stored.ok_or_else(|| VaultError::damaged(&inner.path, "it has no head"))?;
            inner
                .table_key
                .decode(META_HEAD.as_bytes(), stored.value())
                .map_err(|error| inner.bad_row(error))?
        };
        Ok(Self {
            inner,
            meta,
            sessions: write.open_table(SESSIONS).map_err(failed)?,
            places: write.open_table(PLACES).map_err(failed)?,
            shares: write.open_table(SHARES).map_err(failed)?,
            head,
        })
    }

    /// What a change comes to, on what is stored and on the changes before it.
    pub(super) fn decide(&self, change: &Change) -> Result<Decision, VaultError> {
        match change {
            Change::Put {
                key,
                epoch,
                session,
                payload,
                sealed,
            } => self.put(*key, *epoch, *session, payload, sealed),
            Change::SetReceipt {
                key,
                epoch,
                receipt,
            } => self.set_receipt(*key, *epoch, receipt),
            Change::Discard { key, epoch } => self.discard(*key, *epoch),
            Change::Begin {
                session,
                attempt,
                digest,
                binding,
            } => self.begin(*session, *attempt, *digest, *binding),
            Change::Finish { session, result } => self.finish(*session, result),
        }
    }

    /// Writes what was decided. After an error the whole write must be dropped.
    pub(super) fn write(&mut self, decision: Decision) -> Result<Verdict, VaultError> {
        match decision {
            Decision::Answer(verdict) => return Ok(verdict),
            Decision::Session(key, row) => {
                let before: Option<SessionRow> = self.inner.row(&self.sessions, &key)?;
                let (begun, finished) = before
                    .as_ref()
                    .map_or((0, false), |row| (row.begun, row.result.is_some()));
                self.head.sessions += u64::from(before.is_none());
                self.head.begun += u64::from(row.begun - begun);
                self.head.finished += u64::from(row.result.is_some() && !finished);
                let value = self.inner.table_key.encode(&key, &row);
                self.sessions
                    .insert(&key, value.as_slice())
                    .map_err(|error| self.inner.failed(error))?;
            }
            Decision::Place(key, row, share) => {
                let before: Option<PlaceRow> = self.inner.row(&self.places, &key)?;
                self.head.places += u64::from(before.is_none());
                self.head.changes += u64::from(row.changes - before.map_or(0, |row| row.changes));
                let value = self.inner.table_key.encode(&key, &row);
                self.places
                    .insert(&key, value.as_slice())
                    .map_err(|error| self.inner.failed(error))?;
                match share {
                    Some(share) => self.shares.insert(&key, share.as_slice()),
                    None => self.shares.remove(&key),
                }
                .map_err(|error| self.inner.failed(error))?;
            }
        }
        Ok(Verdict::Done)
    }

    /// Writes the sums; to be called once, last.
    pub(super) fn close(mut self) -> Result<(), VaultError> {
        let head = self
            .inner
            .table_key
            .encode(META_HEAD.as_bytes(), &self.head);
        self.meta
            .insert(META_HEAD, head.as_slice())
            .map_err(|error| self.inner.failed(error))?;
        Ok(())
    }

    fn put(
        &self,
        key: KeyId,
        epoch: u32,
        session: SessionId,
        payload: &[u8],
        sealed: &[u8],
    ) -> Result<Decision, VaultError> {
        let place = place_key(key, epoch);
        let before: Option<PlaceRow> = self.inner.row(&self.places, &place)?;
        if let Some(row) = before.as_ref().filter(|row| row.sealed.is_some()) {
            let stored = self.inner.sealed_share(&self.shares, &place, row)?;
            let stored = self.inner.unseal_share(key, epoch, &stored)?;
            return if bool::from(stored.as_slice().ct_eq(payload)) {
                Ok(Decision::Answer(Verdict::Done))
            } else {
                Err(VaultError::ShareExists {
                    path: self.inner.path.clone(),
                    key,
                    epoch,
                })
            };
        }
        let row = PlaceRow {
            changes: before.map_or(0, |row| row.changes) + 1,
            session,
            sealed: Some(sealed::fingerprint(sealed)),
        };
        Ok(Decision::Place(place, row, Some(sealed.to_vec())))
    }

    fn set_receipt(&self, key: KeyId, epoch: u32, receipt: &str) -> Result<Decision, VaultError> {
        let place = place_key(key, epoch);
        let row: Option<PlaceRow> = self.inner.row(&self.places, &place)?;
        let row = row
            .filter(|row| row.sealed.is_some())
            .ok_or_else(|| VaultError::NoShare {
                path: self.inner.path.clone(),
                key,
                epoch,
            })?;
        let stored = self.inner.sealed_share(&self.shares, &place, &row)?;
        let stored = self.inner.unseal_share(key, epoch, &stored)?;
        let (mut record, share) = self.inner.decode_share(&stored)?;
        record.receipt = Some(receipt.to_owned());
        let payload = payload::encode(&record, &share);
        let sealed = self.inner.seal_share(key, epoch, &payload)?;
        let row = PlaceRow {
            changes: row.changes + 1,
            session: row.session,
            sealed: Some(sealed::fingerprint(&sealed)),
        };
        Ok(Decision::Place(place, row, Some(sealed)))
    }

    fn discard(&self, key: KeyId, epoch: u32) -> Result<Decision, VaultError> {
        let place = place_key(key, epoch);
        let row: Option<PlaceRow> = self.inner.row(&self.places, &place)?;
        Ok(match row.filter(|row| row.sealed.is_some()) {
            Some(row) => {
                let row = PlaceRow {
                    changes: row.changes + 1,
                    session: row.session,
                    sealed: None,
                };
                Decision::Place(place, row, None)
            }
            None => Decision::Answer(Verdict::Done),
        })
    }

    fn begin(
        &self,
        session: SessionId,
        attempt: u32,
        digest: Digest,
        binding: Digest,
    ) -> Result<Decision, VaultError> {
        let key = session_key(session);
        let before: Option<SessionRow> = self.inner.row(&self.sessions, &key)?;
        // The digest first: to be asked for another one is the gravest of the three.
        Ok(match before {
            Some(row) if row.digest != digest => Decision::Answer(Verdict::OtherDigest),
            Some(row) if row.result.is_some() => Decision::Answer(Verdict::Finished),
            Some(row) if row.attempt >= attempt => Decision::Answer(Verdict::AlreadyBegun),
            before => {
                let row = SessionRow {
                    begun: before.map_or(0, |row| row.begun) + 1,
                    attempt,
                    digest,
                    binding,
                    result: None,
                };
                Decision::Session(key, row)
            }
        })
    }

    fn finish(&self, session: SessionId, result: &[u8]) -> Result<Decision, VaultError> {
        let key = session_key(session);
        let row: Option<SessionRow> = self.inner.row(&self.sessions, &key)?;
        let path = || self.inner.path.clone();
        let mut row = row.ok_or_else(|| VaultError::NotBegun {
            path: path(),
            session,
        })?;
        match &row.result {
            Some(stored) if *stored == result => Ok(Decision::Answer(Verdict::Done)),
            Some(_) => Err(VaultError::OtherResult {
                path: path(),
                session,
            }),
            None => {
                row.result = Some(result.to_vec());
                Ok(Decision::Session(key, row))
            }
        }
    }
}
