//! The schema: what is there, what is needed, and how the one becomes the other.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migrator},
};

use super::{
    config::Address,
    failure::{connect, damaged, storage},
};
use crate::LogError;

/// All the SQL of the production mode: the log, leases, checkpoints, read models.
static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// How long to wait for the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the schema of a database compares to the one needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// There is none: `countersign migrate` makes it.
    Missing,
    /// It is behind: `countersign migrate` brings it up.
    Older {
        /// Version found.
        found: i64,
        /// Version needed.
        known: i64,
    },
    /// It is the one needed.
    Current {
        /// Its version.
        version: i64,
    },
    /// A newer program has been here.
    Newer {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
}

/// What a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0 without a schema.
    pub from: i64,
    /// Version now.
    pub to: i64,
}

/// The version of the schema that this program needs.
pub fn known_version() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

/// Brings the schema of the database up to the one needed. Any number of processes
/// may do so at once.
///
/// # Errors
///
/// `NewerSchema` for a database of a newer program, `Damaged` when its schema is
/// another program's, and as [`PostgresLog::connect`](super::PostgresLog::connect)
/// when there is no way to the database.
pub async fn migrate(url: &SecretString) -> Result<Migrated, LogError> {
    let address = Address::parse(url)?;
    let mut connection = connect(&address, PATIENCE).await?;
    let from = match status(&address.name, &mut connection).await? {
        SchemaStatus::Missing => {
            refuse_foreign(&address.name, &mut connection).await?;
            0
        }
        SchemaStatus::Older { found, .. } => found,
        SchemaStatus::Current { version } => version,
        SchemaStatus::Newer { found, known } => {
            let log = address.name;
            return Err(LogError::NewerSchema { log, found, known });
        }
    };
    MIGRATIONS
        .run_direct(&mut connection)
        .await
        .map_err(|error| migration(&address.name, error))?;
    // All is committed.
    let _ = connection.close().await;
    Ok(Migrated {
        from,
        to: known_version(),
    })
}

/// Compares the schema of the database with the one needed; changes nothing.
///
/// # Errors
///
/// `Damaged` when the schema is another program's, and as
/// [`PostgresLog::connect`](super::PostgresLog::connect) when there is no way to
/// the database.
pub async fn schema(url: &SecretString) -> Result<SchemaStatus, LogError> {
    let address = Address::parse(url)?;
    let mut connection = connect(&address, PATIENCE).await?;
    let status = status(&address.name, &mut connection).await;
    // Nothing was written.
    let _ = connection.close().await;
    status
}

/// Refuses any schema but the one needed.
pub(super) async fn require(log: &str, connection: &mut PgConnection) -> Result<(), LogError> {
    let log = log.to_owned();
    match status(&log, connection).await? {
        SchemaStatus::Current { .. } => Ok(()),
        SchemaStatus::Missing => Err(LogError::NoSchema { log }),
        SchemaStatus::Older { found, known } => Err(LogError::OlderSchema { log, found, known }),
        SchemaStatus::Newer { found, known } => Err(LogError::NewerSchema { log, found, known }),
    }
}

async fn status(log: &str, connection: &mut PgConnection) -> Result<SchemaStatus, LogError> {
    let failed = |error| storage(log, "read the schema's version", error);
    let present: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !present {
        return Ok(SchemaStatus::Missing);
    }
    let applied: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await
            .map_err(failed)?;
    let known = known_version();
    let found = match applied.last() {
        None => return Ok(SchemaStatus::Missing),
        Some((version, ..)) => *version,
    };
    for (version, checksum, success) in applied {
        let migration = MIGRATIONS.iter().find(|known| known.version == version);
        let same = match migration {
            Some(migration) => *migration.checksum == checksum[..],
            None => version > known,
        };
        if !same || !success {
            return Err(foreign(log, version));
        }
    }
    Ok(match found {
        _ if found > known => SchemaStatus::Newer { found, known },
        _ if found < known => SchemaStatus::Older { found, known },
        version => SchemaStatus::Current { version },
    })
}

/// Refuses a database in which somebody else keeps events.
async fn refuse_foreign(log: &str, connection: &mut PgConnection) -> Result<(), LogError> {
    let taken: bool = sqlx::query_scalar("SELECT to_regclass('events') IS NOT NULL")
        .fetch_one(connection)
        .await
        .map_err(|error| storage(log, "look for a schema", error))?;
    if taken {
        return Err(damaged(log, "another program keeps a table `events` there"));
    }
    Ok(())
}

fn foreign(log: &str, version: i64) -> LogError {
    damaged(
        log,
        format!("its schema version {version} is not the one of this program"),
    )
}

fn migration(log: &str, error: MigrateError) -> LogError {
    match error {
        MigrateError::VersionMissing(found) if found > known_version() => LogError::NewerSchema {
            log: log.to_owned(),
            found,
            known: known_version(),
        },
        MigrateError::VersionMissing(version)
        | MigrateError::VersionMismatch(version)
        | MigrateError::Dirty(version) => foreign(log, version),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            storage(log, "bring the schema up", error)
        }
        other => LogError::storage("bring the schema up", other),
    }
}
