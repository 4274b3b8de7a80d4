//! The life of a role's process, from its first moment to its end.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::PostgresLog;
use countersign_messaging::nats::NatsBus;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::{listen, logging, metrics, signals};
use crate::clock::entropy;
use crate::config::{Config, Role};
use crate::failure::{Failure, Outcome};

/// How long threads that do not listen have at the very end.
const LAST: Duration = Duration::from_secs(1);

/// A running role.
pub(super) struct Process {
    pub(super) config: Config,
    /// A name that no other process has.
    pub(super) replica: String,
    pub(super) health: Health,
    /// Cancelled when no more work is to be taken.
    pub(super) stop: CancellationToken,
    /// What ends before the process does.
    pub(super) tasks: JoinSet<Outcome>,
    /// What is closed at the end, once nobody uses it.
    pub(super) log: Option<Arc<PostgresLog>>,
    pub(super) bus: Option<NatsBus>,
}

/// Runs a role until it is told to end, or cannot go on. `start` starts what it
/// consists of.
pub(super) fn run(
    config: Config,
    role: Role,
    start: impl AsyncFnOnce(&mut Process) -> Outcome,
) -> Outcome {
    logging::start(&config.log);
    let runtime = runtime()?;
    let drain = config.shutdown.drain();
    let ended = runtime.block_on(async {
        let mut process = Process::new(config, role);
        let lived = process.live(role, start).await;
        let closed = process.end(drain).await;
        lived.and(closed)
    });
    runtime.shutdown_timeout(LAST);
    ended
}

fn runtime() -> Outcome<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)
}

impl Process {
    fn new(config: Config, role: Role) -> Self {
        Self {
            config,
            replica: replica(role),
            health: Health::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            log: None,
            bus: None,
        }
    }

    /// A task that is dropped when the role is to end.
    pub(super) fn follow(&mut self, task: impl Future<Output = Outcome> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks
            .spawn(async move { stop.run_until_cancelled(task).await.unwrap_or(Ok(())) });
    }

    async fn live(&mut self, role: Role, start: impl AsyncFnOnce(&mut Self) -> Outcome) -> Outcome {
        let stop = self.stop.clone();
        signals::listen(stop.clone())?;
        tracing::info!(%role, replica = self.replica, version = env!("CARGO_PKG_VERSION"), "starting");
        if let Some(address) = self.config.metrics.listen {
            let router = metrics::router(role, self.health.clone())?;
            let listener = listen::listen(address, "metrics.listen").await?;
            tracing::info!(address = %listener.local_addr().unwrap_or(address), "metrics");
            // They are read while the rest comes to its end, too.
            self.tasks
                .spawn(serve_metrics(listener, router, stop.clone()));
        }
        self.health.waits("the start", "it has just begun");
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            started = start(self) => started?,
        }
        self.health.has("the start");
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = self.tasks.join_next() => match ended {
                Some(Ok(Err(failure))) => Err(failure),
                _ if stop.is_cancelled() => Ok(()),
                _ => Err(Failure::internal("a part of the process ended by itself")),
            },
        }
    }

    /// Lets what runs come to its end, and closes what is open.
    async fn end(mut self, drain: Duration) -> Outcome {
        tracing::info!(seconds = drain.as_secs(), "stopping: taking no more work");
        self.stop.cancel();
        let mut failed = Ok(());
        let drained = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok(Err(failure)) = ended {
                    failed = Err(failure);
                }
            }
        };
        if tokio::time::timeout(drain, drained).await.is_err() {
            tracing::warn!("what was still running was cut off");
            self.tasks.shutdown().await;
        }
        let closing = async {
            if let Some(log) = self.log.take() {
                log.close().await.map_err(Failure::data)?;
                log.pool().close().await;
            }
            if let Some(bus) = self.bus.take() {
                bus.close().await;
            }
            Ok(())
        };
        let closed = match tokio::time::timeout(drain.max(LAST), closing).await {
            Ok(closed) => closed,
            Err(_) => {
                tracing::warn!("the connections were cut off");
                Ok(())
            }
        };
        tracing::info!("stopped");
        failed.and(closed)
    }
}

async fn serve_metrics(
    listener: tokio::net::TcpListener,
    router: axum::Router,
    stop: CancellationToken,
) -> Outcome {
    tokio::select! {
        served = axum::serve(listener, router) => served.map_err(Failure::internal),
        () = stop.cancelled() => Ok(()),
    }
}

/// A name that tells people which process it is, and that no other has.
fn replica(role: Role) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect();
    let unique = hex::encode(entropy::<4>());
    format!("{role}-{host}-{}-{unique}", std::process::id())
}
