//! Opening a vault that exists, and the check of everything in it.

use std::path::Path;

use countersign_domain::ids::PartyId;
use redb::{Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::file;
use super::inner::Inner;
use super::key_check::{self, KeyCheck};
use super::master_key::MasterKey;
use super::rows::{Head, PlaceRow, SessionRow, TableKey};
use super::sealed::{Kind, Place, UnsealError, unseal};
use super::tables::{
    FORMAT, META, META_FORMAT, META_HEAD, META_IDENTITY, META_KEY_CHECK, META_PARTY,
    META_TABLE_SECRET, PLACES, SESSIONS, SHARES,
};

/// Opens and checks the vault at `path`.
pub(super) fn open(path: &Path, party: &PartyId, master: &MasterKey) -> Result<Inner, VaultError> {
    file::contain(path, || {
        let database = file::builder()
            .open(path)
            .map_err(|error| VaultError::database(path, error))?;
        let inner = unlock(path, party, master, database)?;
        let read = inner.begin_read()?;
        check(&inner, &read)?;
        Ok(inner)
    })
}

/// Finds out whose the vault is and under which key, and unseals its own secrets.
fn unlock(
    path: &Path,
    party: &PartyId,
    master: &MasterKey,
    database: Database,
) -> Result<Inner, VaultError> {
    let read = database
        .begin_read()
        .map_err(|error| VaultError::database(path, error))?;
    let meta = |name| meta(path, &read, name);

    let format = meta(META_FORMAT)?;
    let format = <[u8; 4]>::try_from(format.as_slice())
        .map(u32::from_be_bytes)
        .map_err(|_| VaultError::damaged(path, "no format version"))?;
    if format > FORMAT {
        return Err(VaultError::NewerVersion {
            path: path.to_owned(),
            what: "format",
            found: format,
            known: FORMAT,
        });
    }
    let found: PartyId = String::from_utf8(meta(META_PARTY)?)
        .ok()
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| VaultError::damaged(path, "no party name"))?;
    if found != *party {
        return Err(VaultError::WrongParty {
            path: path.to_owned(),
            found,
            expected: party.clone(),
        });
    }
    match key_check::compare(&meta(META_KEY_CHECK)?, master) {
        KeyCheck::Right => {}
        KeyCheck::Wrong => {
            return Err(VaultError::WrongMasterKey {
                path: path.to_owned(),
            });
        }
        KeyCheck::Damaged => return Err(VaultError::damaged(path, "its key check was changed")),
    }
    let secret = |kind, name| {
        unseal(master, &Place::of_vault(party, kind), &meta(name)?)
            .map_err(|error| unsealing(path, error))
    };
    let seed = secret(Kind::Identity, META_IDENTITY)?;
    let seed = <&[u8; 64]>::try_from(seed.as_slice())
        .map_err(|_| VaultError::damaged(path, "an identity seed of the wrong length"))?;
    let identity_seed = Zeroizing::new(*seed);
    let table_key = TableKey::derive(party, &secret(Kind::TableSecret, META_TABLE_SECRET)?);
    drop(read);
    Ok(Inner {
        path: path.to_owned(),
        party: party.clone(),
        master: master.clone(),
        table_key,
        identity_seed,
        database,
    })
}

/// Reads every row, and compares what there is with what the head says there
/// must be.
///
/// Each row is also looked up by its key, the way it will be looked up later: in a
/// tree whose branches were doctored, a walk may pass a row that a look-up misses.
fn check(inner: &Inner, read: &ReadTransaction) -> Result<(), VaultError> {
    let failed = |error: redb::Error| VaultError::database(&inner.path, error);
    let changed = |what| VaultError::damaged(&inner.path, what);
    let mut sums = Head::default();

    let sessions = read.open_table(SESSIONS).map_err(|e| failed(e.into()))?;
    for entry in sessions.iter().map_err(|e| failed(e.into()))? {
        let (key, _) = entry.map_err(|e| failed(e.into()))?;
        let row: SessionRow = inner
            .row(&sessions, key.value())?
            .ok_or_else(|| changed("a session that cannot be looked up"))?;
        sums.sessions += 1;
        sums.begun += u64::from(row.begun);
        sums.finished += u64::from(row.result.is_some());
    }

    let places = read.open_table(PLACES).map_err(|e| failed(e.into()))?;
    let shares = read.open_table(SHARES).map_err(|e| failed(e.into()))?;
    for entry in places.iter().map_err(|e| failed(e.into()))? {
        let (key, _) = entry.map_err(|e| failed(e.into()))?;
        let row: PlaceRow = inner
            .row(&places, key.value())?
            .ok_or_else(|| changed("a share that cannot be looked up"))?;
        if row.sealed.is_some() {
            inner.sealed_share(&shares, key.value(), &row)?;
        }
        sums.places += 1;
        sums.changes += u64::from(row.changes);
    }

    let head: Head = inner
        .table_key
        .decode(META_HEAD.as_bytes(), &meta(&inner.path, read, META_HEAD)?)
        .map_err(|error| inner.bad_row(error))?;
    if sums == head {
        Ok(())
    } else {
        Err(changed("rows were removed or put back to an earlier state"))
    }
}

fn meta(path: &Path, read: &ReadTransaction, name: &str) -> Result<Vec<u8>, VaultError> {
    let table = read
        .open_table(META)
        .map_err(|error| VaultError::database(path, error))?;
    let value = table
        .get(name)
        .map_err(|error| VaultError::database(path, error))?;
    value
        .map(|value| value.value().to_vec())
        .ok_or_else(|| VaultError::damaged(path, format!("it has no {name}")))
}

/// A secret that does not open under the right key.
pub(super) fn unsealing(path: &Path, error: UnsealError) -> VaultError {
    match error {
        UnsealError::Version(found) if found > super::sealed::VERSION => VaultError::NewerVersion {
            path: path.to_owned(),
            what: "seal",
            found: found.into(),
            known: super::sealed::VERSION.into(),
        },
        error => VaultError::damaged(path, error.to_string()),
    }
}
