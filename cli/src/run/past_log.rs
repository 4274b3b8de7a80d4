//! The log of the tools that look at what was: a data directory, in use or not, or the
//! database of a deployment.

use std::sync::Arc;

use countersign_event_store::{EventLog, Point, PointError, PostgresLog, ReadLog, SqliteReader};
use countersign_projections::history::History;
use countersign_projections::postgres::PostgresSnapshots;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::args::LogArgs;
use crate::clock::now;
use crate::config::{Config, Role};
use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Outcome};
use crate::role::{self, in_full};

/// A log to look at.
pub(super) struct PastLog {
    pub(super) log: Arc<dyn ReadLog>,
    pub(super) history: History,
    /// The configuration; none for a data directory.
    pub(super) config: Option<Config>,
    /// The database; none for a data directory.
    pub(super) database: Option<PgPool>,
    /// Told to end.
    pub(super) stop: CancellationToken,
}

impl PastLog {
    /// The position of a point that an argument names.
    pub(super) async fn resolve(&self, argument: &str, point: Point) -> Outcome<u64> {
        let resolved = point.resolve(&*self.log, now()).await;
        resolved.map_err(|error| match error {
            PointError::Log(error) => failed(&error),
            error => Failure::usage(format!("{argument}: {error}")),
        })
    }

    /// Position of the last event.
    pub(super) async fn head(&self) -> Outcome<u64> {
        self.log.head().await.map_err(|e| failed(&e))
    }
}

/// Does something with the log.
pub(super) fn with_log(args: &LogArgs, work: impl AsyncFnOnce(PastLog) -> Outcome) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        role::listen_for_signals(stop.clone())?;
        if let Some(root) = &args.data_dir {
            let file = ReadOnlyDir::open(root)?.log();
            let log = SqliteReader::open(file).await.map_err(|e| failed(&e))?;
            let log: Arc<dyn ReadLog> = Arc::new(log);
            return work(PastLog {
                history: History::new(log.clone()),
                log,
                config: None,
                database: None,
                stop,
            })
            .await;
        }
        let config = role::load(&args.config.sources(vec![]), Role::Migrate).map_err(either)?;
        let postgres = PostgresLog::connect(role::postgres_config(&config))
            .await
            .map_err(|e| failed(&e))?;
        let postgres = Arc::new(postgres);
        let shared: Arc<dyn EventLog> = postgres.clone();
        let log: Arc<dyn ReadLog> = Arc::new(shared);
        let snapshots = Arc::new(PostgresSnapshots::new(postgres.pool().clone()));
        let done = work(PastLog {
            history: History::new(log.clone()).with_snapshots(snapshots),
            log,
            config: Some(config),
            database: Some(postgres.pool().clone()),
            stop,
        })
        .await;
        let closed = postgres.close().await.map_err(|e| failed(&e));
        postgres.pool().close().await;
        done.and(closed)
    })
}

/// The failure of a log.
pub(super) fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::data(in_full(error))
}

fn either(mut failure: Failure) -> Failure {
    let more = "or name a data directory of `countersign dev` with --data-dir";
    failure.message = format!("{}\n{more}", failure.message);
    failure
}
