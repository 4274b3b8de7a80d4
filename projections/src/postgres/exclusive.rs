//! One rebuild or verification at a time.

use sqlx::{Connection as _, PgConnection, PgPool};

use super::failure::failed;
use crate::StoreError;

/// "readmode", as a number.
const KEY: i64 = 0x7265_6164_6d6f_6465;

/// Held by a connection of its own: with the process that has it, it ends.
#[derive(Debug)]
pub(super) struct Exclusive(PgConnection);

impl Exclusive {
    pub(super) async fn take(pool: &PgPool) -> Result<Self, StoreError> {
        let failed = failed("asking to be the only rebuild");
        let options = pool.connect_options();
        let connection = PgConnection::connect_with(&options).await;
        let mut connection = connection.map_err(&failed)?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(KEY)
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        if !taken {
            return Err(StoreError::Busy);
        }
        Ok(Self(connection))
    }

    pub(super) async fn release(self) {
        // A connection that is broken has released it as well.
        let _ = self.0.close().await;
    }
}
