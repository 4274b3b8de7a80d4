//! The open vault, shared by its readers and its writer.

use std::path::PathBuf;

use countersign_domain::ids::{KeyId, PartyId, SessionId};
use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::file;
use super::master_key::MasterKey;
use super::open::unsealing;
use super::payload::{self, PayloadError};
use super::record::StoredShare;
use super::rows::{self, PlaceRow, Row, RowError, SessionRow, TableKey};
use super::sealed::{self, Entropy, Kind, Place};
use super::tables::{PLACES, PlaceKey, SESSIONS, SHARES, place_key, place_of, session_key};

/// A row of the places, with what it is about.
type Placed = ((KeyId, u32), PlaceRow);

/// The file, whose it is, and the keys to it.
pub(super) struct Inner {
    pub(super) path: PathBuf,
    pub(super) party: PartyId,
    pub(super) master: MasterKey,
    pub(super) table_key: TableKey,
    pub(super) identity_seed: Zeroizing<[u8; 64]>,
    pub(super) database: Database,
}

impl Inner {
    pub(super) fn share(&self, key: KeyId, epoch: u32) -> Result<Option<StoredShare>, VaultError> {
        let sealed = self.read(|read| {
            let places = read.open_table(PLACES).map_err(|e| self.failed(e))?;
            let place = place_key(key, epoch);
            let row: Option<PlaceRow> = self.row(&places, &place)?;
            match row {
                Some(row) if row.sealed.is_some() => {
                    let shares = read.open_table(SHARES).map_err(|e| self.failed(e))?;
                    self.sealed_share(&shares, &place, &row).map(Some)
                }
                _ => Ok(None),
            }
        })?;
        // The cipher runs outside the transaction: nothing is held up by it.
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let payload = self.unseal_share(key, epoch, &sealed)?;
        let (record, share) = self.decode_share(&payload)?;
        if (record.key, record.epoch) == (key, epoch) {
            Ok(Some((record, share)))
        } else {
            Err(VaultError::damaged(
                &self.path,
                "a share in another's place",
            ))
        }
    }

    /// Where the share that a session made is stored, if it is. Walks all places:
    /// it is asked once in a key generation, which takes far longer.
    pub(super) fn place_of_session(
        &self,
        session: SessionId,
    ) -> Result<Option<(KeyId, u32)>, VaultError> {
        let places = self.places()?;
        Ok(places
            .into_iter()
            .find(|(_, row)| row.session == session)
            .map(|(place, _)| place))
    }

    pub(super) fn keys(&self) -> Result<Vec<(KeyId, u32)>, VaultError> {
        Ok(self.places()?.into_iter().map(|(place, _)| place).collect())
    }

    pub(super) fn finished(&self, session: SessionId) -> Result<Option<Vec<u8>>, VaultError> {
        self.read(|read| {
            let sessions = read.open_table(SESSIONS).map_err(|e| self.failed(e))?;
            let row: Option<SessionRow> = self.row(&sessions, &session_key(session))?;
            Ok(row.and_then(|row| row.result))
        })
    }

    /// The places that have a share, in order.
    fn places(&self) -> Result<Vec<Placed>, VaultError> {
        self.read(|read| {
            let places = read.open_table(PLACES).map_err(|e| self.failed(e))?;
            let mut found = Vec::new();
            for entry in places.iter().map_err(|e| self.failed(e))? {
                let (key, row) = entry.map_err(|e| self.failed(e))?;
                let row: PlaceRow = self
                    .table_key
                    .decode(key.value(), row.value())
                    .map_err(|error| self.bad_row(error))?;
                if row.sealed.is_some() {
                    found.push((place_of(key.value()), row));
                }
            }
            Ok(found)
        })
    }

    /// Looks up a row and authenticates it.
    pub(super) fn row<R: Row, const N: usize>(
        &self,
        table: &impl ReadableTable<&'static [u8; N], &'static [u8]>,
        key: &[u8; N],
    ) -> Result<Option<R>, VaultError> {
        let value = table.get(key).map_err(|error| self.failed(error))?;
        value
            .map(|value| self.table_key.decode(key, value.value()))
            .transpose()
            .map_err(|error| self.bad_row(error))
    }

    /// The sealed share that this row is about, and no other.
    pub(super) fn sealed_share(
        &self,
        shares: &impl ReadableTable<&'static PlaceKey, &'static [u8]>,
        place: &PlaceKey,
        row: &PlaceRow,
    ) -> Result<Vec<u8>, VaultError> {
        let value = shares
            .get(place)
            .map_err(|error| self.failed(error))?
            .ok_or_else(|| VaultError::damaged(&self.path, "a share was removed"))?;
        if row.sealed == Some(sealed::fingerprint(value.value())) {
            Ok(value.value().to_vec())
        } else {
            Err(VaultError::damaged(&self.path, "a share was replaced"))
        }
    }

    pub(super) fn seal_share(
        &self,
        key: KeyId,
        epoch: u32,
        payload: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let entropy = Entropy::fresh()
            .map_err(|error| VaultError::io(&self.path, std::io::Error::other(error)))?;
        let place = self.place(key, epoch);
        Ok(sealed::seal(&self.master, &place, payload, entropy))
    }

    pub(super) fn unseal_share(
        &self,
        key: KeyId,
        epoch: u32,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        sealed::unseal(&self.master, &self.place(key, epoch), sealed)
            .map_err(|error| unsealing(&self.path, error))
    }

    pub(super) fn decode_share(&self, payload: &[u8]) -> Result<StoredShare, VaultError> {
        payload::decode(payload).map_err(|error| match error {
            PayloadError::Version(found) if found > payload::VERSION => {
                self.newer("share", found, payload::VERSION)
            }
            error => VaultError::damaged(&self.path, error.to_string()),
        })
    }

    fn place(&self, key: KeyId, epoch: u32) -> Place<'_> {
        Place {
            party: &self.party,
            key,
            epoch,
            kind: Kind::Share,
        }
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, VaultError> {
        self.database.begin_read().map_err(|e| self.failed(e))
    }

    fn read<T>(
        &self,
        run: impl FnOnce(&ReadTransaction) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        file::contain(&self.path, || run(&self.begin_read()?))
    }

    pub(super) fn bad_row(&self, error: RowError) -> VaultError {
        match error {
            RowError::Version(found) if found > rows::VERSION => {
                self.newer("row", found, rows::VERSION)
            }
            error => VaultError::damaged(&self.path, error.to_string()),
        }
    }

    fn newer(&self, what: &'static str, found: u8, known: u8) -> VaultError {
        VaultError::NewerVersion {
            path: self.path.clone(),
            what,
            found: found.into(),
            known: known.into(),
        }
    }

    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> VaultError {
        VaultError::database(&self.path, error)
    }
}
