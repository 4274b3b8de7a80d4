//! Making a vault that does not exist yet.
//!
//! It is made complete under another name and then linked to its own, so that a
//! file with the vault's name is always a whole vault, and of two processes that
//! start at once only one makes it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use countersign_domain::ids::PartyId;
use redb::backends::FileBackend;
use zeroize::Zeroizing;

use super::error::VaultError;
use super::file;
use super::key_check;
use super::master_key::MasterKey;
use super::rows::{Head, TableKey};
use super::sealed::{Entropy, Kind, Place, seal};
use super::tables::{
    FORMAT, META, META_FORMAT, META_HEAD, META_IDENTITY, META_KEY_CHECK, META_PARTY,
    META_TABLE_SECRET, PLACES, SESSIONS, SHARES,
};

/// Makes the vault unless there is a file of that name.
pub(super) fn unless_present(
    path: &Path,
    party: &PartyId,
    master: &MasterKey,
) -> Result<(), VaultError> {
    match fs::symlink_metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(VaultError::io(path, error)),
    }
    let draft = draft_name(path)?;
    let made = make(path, &draft, party, master).and_then(|()| publish(path, &draft));
    // Best effort: what is left of a draft is sealed, and nothing ever opens it.
    let _ = fs::remove_file(&draft);
    made
}

fn make(path: &Path, draft: &Path, party: &PartyId, master: &MasterKey) -> Result<(), VaultError> {
    let file = new_file(draft).map_err(|error| VaultError::io(path, error))?;
    let backend = FileBackend::new(file).map_err(|error| VaultError::database(path, error))?;
    let database = file::builder()
        .create_with_backend(backend)
        .map_err(|error| VaultError::database(path, error))?;
    let mut identity = Zeroizing::new([0; 64]);
    let mut table_secret = Zeroizing::new([0; 32]);
    let no_entropy = |error: getrandom::Error| VaultError::io(path, io::Error::other(error));
    getrandom::fill(&mut *identity).map_err(no_entropy)?;
    getrandom::fill(&mut *table_secret).map_err(no_entropy)?;
    let sealed = |kind, secret: &[u8]| {
        let entropy = Entropy::fresh().map_err(no_entropy)?;
        Ok::<_, VaultError>(seal(master, &Place::of_vault(party, kind), secret, entropy))
    };
    let table_key = TableKey::derive(party, &*table_secret);
    let rows: [(&str, Vec<u8>); 6] = [
        (META_FORMAT, FORMAT.to_be_bytes().to_vec()),
        (META_PARTY, party.as_str().as_bytes().to_vec()),
        (META_KEY_CHECK, key_check::make(master).to_vec()),
        (META_IDENTITY, sealed(Kind::Identity, &*identity)?),
        (
            META_TABLE_SECRET,
            sealed(Kind::TableSecret, &*table_secret)?,
        ),
        (
            META_HEAD,
            table_key.encode(META_HEAD.as_bytes(), &Head::default()),
        ),
    ];
    let write = file::begin_write(path, &database)?;
    fill(&write, &rows).map_err(|error| VaultError::database(path, error))?;
    write
        .commit()
        .map_err(|error| VaultError::database(path, error))
}

fn fill(write: &redb::WriteTransaction, rows: &[(&str, Vec<u8>)]) -> Result<(), redb::Error> {
    let mut meta = write.open_table(META)?;
    for (name, value) in rows {
        meta.insert(name, value.as_slice())?;
    }
    // A table exists once it was opened for writing.
    write.open_table(SESSIONS)?;
    write.open_table(PLACES)?;
    write.open_table(SHARES)?;
    Ok(())
}

/// Gives the draft the vault's name, unless another process was faster.
fn publish(path: &Path, draft: &Path) -> Result<(), VaultError> {
    match fs::hard_link(draft, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        // Some file systems have no links; a rename replaces what is there.
        Err(_) => fs::rename(draft, path).map_err(|error| VaultError::io(path, error))?,
    }
    // The name is durable only with its folder.
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| VaultError::io(path, error))
}

/// A name beside the vault's that no other process uses.
fn draft_name(path: &Path) -> Result<PathBuf, VaultError> {
    let random = getrandom::u64().map_err(|error| VaultError::io(path, io::Error::other(error)))?;
    let mut name = OsString::from(path.as_os_str());
    name.push(format!(".{random:016x}.new"));
    Ok(name.into())
}

/// A new file that only its owner can read, from the start.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
