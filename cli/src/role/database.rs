//! The way to PostgreSQL.

use std::sync::Arc;

use countersign_event_store::{HashKey, LogError, PersonalKeys as _, PostgresConfig, PostgresLog};
use secrecy::SecretString;

use super::in_full;
use super::patience::{self, Attempt};
use super::process::Process;
use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// What the health calls it.
const NAME: &str = "PostgreSQL";

/// How to connect, by the configuration.
pub(crate) fn postgres_config(config: &Config) -> PostgresConfig {
    let url = config.database.url.clone();
    let mut postgres = PostgresConfig::new(url.unwrap_or_else(|| SecretString::from("")));
    postgres.max_connections = config.database.max_connections;
    postgres.acquire_timeout = config.database.acquire_timeout();
    postgres
}

/// Opens the log, once the database is there and has the schema.
pub(super) async fn open(process: &mut Process) -> Outcome<Arc<PostgresLog>> {
    let config = postgres_config(&process.config);
    let log = patience::until(NAME, &process.health, async || {
        PostgresLog::connect(config.clone()).await.map_err(judge)
    })
    .await?;
    let log = Arc::new(log);
    process.log = Some(log.clone());
    Ok(log)
}

/// Sees to it that names are reserved under this key and no other.
pub(super) async fn adopt(process: &Process, log: &PostgresLog, key: &HashKey) -> Outcome {
    patience::until(NAME, &process.health, async || {
        log.adopt(key).await.map_err(judge)
    })
    .await
}

/// Checks that names are reserved under this key.
pub(super) async fn check(process: &Process, log: &PostgresLog, key: &HashKey) -> Outcome {
    patience::until(NAME, &process.health, async || {
        log.check(key).await.map_err(judge)
    })
    .await
}

fn judge(error: LogError) -> Attempt {
    let text = in_full(&error);
    match error {
        error if may_pass(&error) => Attempt::NotYet(text),
        LogError::OtherHashKey { .. } => {
            Attempt::Never(Failure::usage(format!("personal.hash_key: {text}")))
        }
        // It is for the configuration to mend.
        LogError::Address { .. } | LogError::Credentials { .. } => {
            Attempt::Never(Failure::usage(format!("database.url: {text}")))
        }
        _ => Attempt::Never(Failure::data(text)),
    }
}

/// Whether it may pass by waiting.
pub(super) fn may_pass(error: &LogError) -> bool {
    match error {
        // `migrate` may be on its way.
        LogError::NoSchema { .. } | LogError::OlderSchema { .. } => true,
        LogError::Unreachable { .. } | LogError::Storage { .. } => true,
        LogError::Address { .. }
        | LogError::Credentials { .. }
        | LogError::OtherHashKey { .. }
        | LogError::NewerSchema { .. }
        | LogError::Damaged { .. }
        | LogError::InUse { .. }
        | LogError::Gap { .. }
        | LogError::Closed => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_is_missing_may_come_and_a_newer_one_will_not_go() {
        let log = || "db".to_owned();
        let (found, known) = (1, 2);
        assert!(may_pass(&LogError::NoSchema { log: log() }));
        assert!(may_pass(&LogError::OlderSchema {
            log: log(),
            found,
            known
        }));
        assert!(may_pass(&LogError::storage("read", "reset")));
        assert!(!may_pass(&LogError::NewerSchema {
            log: log(),
            found,
            known
        }));
        let detail = || "no".to_owned();
        assert!(!may_pass(&LogError::Credentials {
            log: log(),
            detail: detail()
        }));
        assert!(!may_pass(&LogError::Address { detail: detail() }));
    }
}
