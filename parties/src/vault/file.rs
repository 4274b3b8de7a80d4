//! The database file: how it is opened, and how a failure inside the database is
//! kept from becoming a panic of the party.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, Durability, WriteTransaction};

use super::error::VaultError;

/// The database caches pages up to this many bytes; its default is 1 GiB.
const CACHE_BYTES: usize = 64 << 20;

/// The settings that every open of a vault uses.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    // Verifies the checksum of every page; a plain open trusts the pages, and may
    // panic on damaged ones.
    builder.set_check_integrity_on_open(true);
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Begins a write that is on the disk when its commit returns.
pub(super) fn begin_write(
    path: &Path,
    database: &Database,
) -> Result<WriteTransaction, VaultError> {
    let mut write = database
        .begin_write()
        .map_err(|error| VaultError::database(path, error))?;
    write
        .set_durability(Durability::Immediate)
        .map_err(|error| VaultError::database(path, error))?;
    // With a one-phase commit, a damaged page found after a crash makes the
    // database fall back to the commit before, silently, though the last one may
    // have been answered: a begun attempt would be forgotten.
    write.set_two_phase_commit(true);
    Ok(write)
}

/// Runs something that reads the database, and turns a panic into
/// [`VaultError::Damaged`].
///
/// The database promises errors for a damaged file where it verified the pages,
/// which is at opening; a page that goes bad later may still trip an assertion of
/// its. Nothing of ours is left half changed: a transaction that is unwound is not
/// committed, and the caller answers with the error.
pub(super) fn contain<T>(
    path: &Path,
    run: impl FnOnce() -> Result<T, VaultError>,
) -> Result<T, VaultError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(VaultError::damaged(path, "the database failed on it")))
}
