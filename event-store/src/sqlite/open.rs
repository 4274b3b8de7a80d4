//! Opens the file: takes it for this process, checks it, brings its schema up.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use super::{
    check,
    failure::{damaged, storage},
    readers::Readers,
};
use crate::LogError;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// What the lock file holds once the file beside it has held a log.
const MARK: &[u8] = b"countersign event log\n";

/// Readable and writable by its owner only.
const FILE_MODE: u32 = 0o600;

/// A log ready for use.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) lock: File,
    pub(super) writer: SqliteConnection,
    pub(super) readers: Readers,
    pub(super) head: u64,
}

pub(super) async fn open(path: &Path) -> Result<Opened, LogError> {
    let path = resolve(path).map_err(|error| LogError::storage("find the file", error))?;
    // First of all: closing any descriptor of a database file drops the locks that
    // SQLite holds on it elsewhere in the process.
    let mut lock = lock(&path)?;
    create(&path).map_err(|error| LogError::storage("create the file", error))?;
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(false)
        .foreign_keys(true)
        .disable_statement_logging();
    // What is deleted is overwritten: keys of personal data.
    let writing = options
        .clone()
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON");
    let mut writer = SqliteConnection::connect_with(&writing)
        .await
        .map_err(|error| storage(&path, "open the file", error))?;
    // A file that is refused stays as it was: the checks come before any write.
    check::file(&path, &lock, &mut writer).await?;
    use_wal(&path, &mut writer).await?;
    MIGRATIONS
        .run_direct(&mut writer)
        .await
        .map_err(|error| migration(&path, error))?;
    let head = check::events(&path, &mut writer).await?;
    lock.write_all(MARK)
        .map_err(|error| LogError::storage("mark the lock file", error))?;
    let readers = Readers::new(options);
    Ok(Opened {
        path,
        lock,
        writer,
        readers,
        head,
    })
}

/// The one name of the file, whatever links lead to it.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    if path.exists() {
        return fs::canonicalize(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(folder)?.join(name))
}

/// The name of a file that belongs to `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn lock(path: &Path) -> Result<File, LogError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(beside(path, ".lock"))
        .map_err(|error| LogError::storage("open the lock file", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse {
            log: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(LogError::storage("lock the log", error)),
    }
}

/// Creates the file, for SQLite would create it readable by others.
fn create(path: &Path) -> io::Result<()> {
    let created = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path);
    match created {
        Ok(_) => File::open(path.parent().unwrap_or(path))?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

async fn use_wal(path: &Path, writer: &mut SqliteConnection) -> Result<(), LogError> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = wal")
        .fetch_one(writer)
        .await
        .map_err(|error| storage(path, "switch to write-ahead logging", error))?;
    if mode != "wal" {
        return Err(LogError::storage(
            "switch to write-ahead logging",
            format!("the file system allows only journal mode {mode}"),
        ));
    }
    Ok(())
}

/// The newest version of the schema that this program knows.
pub(super) fn known_schema() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

fn migration(path: &Path, error: MigrateError) -> LogError {
    let known = known_schema();
    match error {
        MigrateError::VersionMissing(found) if found > known => LogError::NewerSchema {
            log: path.display().to_string(),
            found,
            known,
        },
        MigrateError::VersionMissing(version)
        | MigrateError::VersionMismatch(version)
        | MigrateError::Dirty(version) => damaged(
            path,
            &format!("its schema version {version} is not the one of this program"),
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            storage(path, "bring the schema up", error)
        }
        other => LogError::storage("bring the schema up", other),
    }
}
