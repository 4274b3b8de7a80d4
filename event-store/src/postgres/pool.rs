//! Statements through the pool of connections.
//!
//! Connections are not tried before they are used, which would cost each statement
//! a round trip. So a restart of the server leaves dead ones in the pool, and each
//! costs one statement a failure; statements that may be repeated are repeated
//! until the dead are gone.

use std::{future::Future, time::Duration};

use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{
    config::{Address, PostgresConfig},
    failure::is_disconnect,
};
use crate::LogError;

/// Connections that were not used for so long are closed.
const IDLE: Duration = Duration::from_secs(300);

/// A pool whose connections are opened as they are needed.
pub(super) fn pool(config: &PostgresConfig, address: &Address) -> PgPool {
    PgPoolOptions::new()
        .max_connections(config.max_connections.max(1))
        .acquire_timeout(config.acquire_timeout)
        .idle_timeout(IDLE)
        .test_before_acquire(false)
        .connect_lazy_with(address.options.clone())
}

/// Runs a statement that does no harm twice; again as long as the connections
/// turn out to be dead.
pub(super) async fn retried<'p, T, F>(
    pool: &'p PgPool,
    operation: &'static str,
    statement: impl Fn(&'p PgPool) -> F,
) -> Result<T, LogError>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let mut left = pool.options().get_max_connections();
    loop {
        match statement(pool).await {
            Err(error) if left > 0 && is_disconnect(&error) => left -= 1,
            outcome => return outcome.map_err(|error| failed(pool, operation, error)),
        }
    }
}

fn failed(pool: &PgPool, operation: &'static str, error: sqlx::Error) -> LogError {
    match error {
        sqlx::Error::PoolClosed => LogError::Closed,
        sqlx::Error::PoolTimedOut => {
            let patience = pool.options().get_acquire_timeout();
            let all = pool.options().get_max_connections();
            let cause = if pool.size() >= all {
                format!("all {all} connections were busy for {patience:?}")
            } else {
                format!("the server took no connection for {patience:?}")
            };
            LogError::storage(operation, cause)
        }
        error => LogError::storage(operation, error),
    }
}
