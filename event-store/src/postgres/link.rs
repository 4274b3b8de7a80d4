//! A connection that is used by one at a time, replaced by another when it is lost.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::time::{Instant, error::Elapsed, sleep_until, timeout};

use crate::{
    LogError,
    postgres::{
        config::Address,
        failure::{self, damaged, is_disconnect, storage},
        schema,
    },
};

/// How long the server may take for one step, the wait for other writers included.
pub(super) const STEP: Duration = Duration::from_secs(30);

/// How long a connection counts as alive that nothing was heard of.
const TRUSTED: Duration = Duration::from_secs(1);

/// The first pause after a connection that failed; each doubles, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A process that stops in the middle holds up the others for ten seconds at most.
/// The statements are a few look-ups by key: planned once, always by the index. What
/// is acknowledged is on disk, whatever the server's default.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '10s';
    SET lock_timeout = '25s';
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";

/// Only a lock taken in a statement before makes the next see all that is committed.
const LOCK: &str = "BEGIN; SELECT position FROM log_head FOR UPDATE";

const ENDS: &str = "SELECT position, coalesce((SELECT max(position) FROM events), 0) FROM log_head";

/// A connection, as long as there is one.
pub(in crate::postgres) struct Link {
    address: Address,
    patience: Duration,
    connection: Option<PgConnection>,
    /// Whether the head is locked, in a transaction.
    locked: bool,
    used: Instant,
    pause: Duration,
    not_before: Instant,
}

impl Link {
    /// Connects and checks that the log is there; also returns its head.
    pub(in crate::postgres) async fn open(
        address: Address,
        patience: Duration,
    ) -> Result<(Self, u64), LogError> {
        let mut connection = connect(&address, patience).await?;
        schema::require(&address.name, &mut connection).await?;
        let ends: Option<(i64, i64)> =
            sqlx::query_as(ENDS)
                .fetch_optional(&mut connection)
                .await
                .map_err(|error| storage(&address.name, "read the head", error))?;
        let head = match ends {
            Some((head, last)) if head == last => head.unsigned_abs(),
            Some((head, last)) => {
                let detail = format!("its head is {head}, and its events end at {last}");
                return Err(damaged(&address.name, detail));
            }
            None => return Err(damaged(&address.name, "its head is missing")),
        };
        let link = Self {
            connection: Some(connection),
            ..Self::new(address, patience)
        };
        Ok((link, head))
    }

    /// Connects when it is first needed.
    pub(in crate::postgres) fn new(address: Address, patience: Duration) -> Self {
        Self {
            address,
            patience,
            connection: None,
            locked: false,
            used: Instant::now(),
            pause: FIRST_PAUSE,
            not_before: Instant::now(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.address.name
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// Sees to it that there is a connection, not too soon after one failed. One that
    /// was not used for a while may have died unnoticed.
    pub(super) async fn ready(&mut self) -> Result<(), LogError> {
        if !self.locked
            && self.used.elapsed() > TRUSTED
            && let Some(mut connection) = self.connection.take()
            && let Ok(Ok(())) = timeout(self.patience, connection.ping()).await
        {
            self.connection = Some(connection);
        }
        if self.is_up() {
            return Ok(());
        }
        sleep_until(self.not_before).await;
        match connect(&self.address, self.patience).boxed().await {
            Ok(connection) => {
                self.connection = Some(connection);
                self.locked = false;
                self.used = Instant::now();
                self.pause = FIRST_PAUSE;
                Ok(())
            }
            Err(error) => {
                self.not_before = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(LAST_PAUSE);
                Err(LogError::storage("connect", error))
            }
        }
    }

    /// Asks what may be asked twice: once more, on another connection, when the one it
    /// was asked on is lost.
    pub(super) async fn ask<T>(
        &mut self,
        operation: &'static str,
        statement: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, sqlx::Result<T>>,
    ) -> Result<T, LogError> {
        let mut again = true;
        loop {
            self.ready().await?;
            let mut connection = self.take(operation)?;
            let told = timeout(STEP, statement(&mut connection)).await;
            match self.give(operation, connection, told).await {
                Err(_) if !self.is_up() && std::mem::take(&mut again) => {}
                outcome => return outcome,
            }
        }
    }

    /// Takes the connection for one statement of a transaction, whose outcome comes
    /// back with it by [`Link::give`].
    pub(super) fn take(&mut self, operation: &'static str) -> Result<PgConnection, LogError> {
        let taken = self.connection.take();
        taken.ok_or_else(|| LogError::storage(operation, "there is no connection"))
    }

    /// Takes the connection back. After a failure no transaction is open; the
    /// connection is there still unless it was lost.
    pub(super) async fn give<T>(
        &mut self,
        operation: &'static str,
        connection: PgConnection,
        outcome: Result<sqlx::Result<T>, Elapsed>,
    ) -> Result<T, LogError> {
        match outcome {
            Ok(Ok(answer)) => {
                self.connection = Some(connection);
                self.used = Instant::now();
                Ok(answer)
            }
            Ok(Err(error)) => {
                if is_disconnect(&error) {
                    self.locked = false;
                } else {
                    self.connection = Some(connection);
                    self.rollback().await;
                }
                Err(storage(self.name(), operation, error))
            }
            Err(_) => {
                self.locked = false;
                let cause = format!("no answer within {STEP:?}");
                Err(LogError::storage(operation, cause))
            }
        }
    }

    /// Begins a transaction and keeps all others from appending; returns the head.
    pub(super) async fn lock_head(&mut self) -> Result<u64, LogError> {
        const WHAT: &str = "lock the head";
        let mut connection = self.take(WHAT)?;
        let rows = timeout(STEP, connection.fetch_all(LOCK)).await;
        let rows = self.give(WHAT, connection, rows).await?;
        match rows.first().map(|row| row.try_get::<i64, _>(0)) {
            Some(Ok(head)) => {
                self.locked = true;
                Ok(head.unsigned_abs())
            }
            _ => {
                self.locked = true;
                self.rollback().await;
                Err(damaged(self.name(), "its head is missing"))
            }
        }
    }

    /// Commits the transaction, if one is open.
    pub(super) async fn commit(&mut self) -> Result<(), LogError> {
        const WHAT: &str = "commit a batch";
        if !self.locked {
            return Ok(());
        }
        let mut connection = self.take(WHAT)?;
        let done = timeout(STEP, connection.execute("COMMIT")).await;
        self.give(WHAT, connection, done).await?;
        self.locked = false;
        Ok(())
    }

    /// Ends the transaction, if one is open, if need be together with the connection.
    pub(super) async fn rollback(&mut self) {
        if std::mem::take(&mut self.locked)
            && let Some(mut connection) = self.connection.take()
            && let Ok(Ok(_)) = timeout(STEP, connection.execute("ROLLBACK")).await
        {
            self.connection = Some(connection);
        }
    }

    /// Lets go of the connection, which may be in any state.
    pub(super) fn cut(&mut self) {
        self.connection = None;
        self.locked = false;
    }

    pub(super) async fn close(mut self) -> Result<(), LogError> {
        match self.connection.take() {
            Some(connection) => connection
                .close()
                .await
                .map_err(|error| storage(&self.address.name, "disconnect", error)),
            None => Ok(()),
        }
    }
}

async fn connect(address: &Address, patience: Duration) -> Result<PgConnection, LogError> {
    let mut connection = failure::connect(address, patience).await?;
    let set = connection.execute(SETTINGS);
    match timeout(patience, set).await {
        Ok(Ok(_)) => Ok(connection),
        Ok(Err(error)) => Err(storage(&address.name, "prepare the connection", error)),
        Err(_) => Err(LogError::storage(
            "prepare the connection",
            format!("no answer within {patience:?}"),
        )),
    }
}
