//! Everything of the embedded mode, started together and stopped in order.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use countersign_audit::{Published, Publishing};
use countersign_commands::{Commands, CommandsConfig, SessionPolicy};
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use countersign_event_store::{
    EventLog as _, HashKey, LocalLeases, NoCheckpoints, PersonalKeys as _, SqliteLog,
};
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_messaging::{Bus, EventFeed, LocalBus};
use countersign_parties::worker::{CeremonyPool, Worker, WorkerConfig};
use countersign_projections::{MemoryStore, Projector};
use countersign_read_api::{ReadApi, ReadApiConfig, StreamSettings};
use countersign_webhooks::SendSettings;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::data_dir::LocalParty;
use super::signing::Signing;
use super::webhooks::Wanted;
use super::{DataDir, MasterKeys, secrets};
use crate::clock::{clock, entropy};
use crate::failure::{Failure, Outcome};

/// How long the system may take until it is ready.
const START: Duration = Duration::from_secs(60);

/// How long running requests and ceremonies may take to end.
const STOP: Duration = Duration::from_secs(10);

/// Where the APIs listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) commands: SocketAddr,
    pub(crate) reads: SocketAddr,
    pub(crate) webhooks: SocketAddr,
}

impl Addresses {
    /// Any free ports of the loopback interface.
    pub(crate) fn free() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            commands: any,
            reads: any,
            webhooks: any,
        }
    }
}

/// The running system.
pub(crate) struct System {
    runtime: Runtime,
    log: Arc<SqliteLog>,
    addresses: Addresses,
    parties: Vec<PartyId>,
    stop: CancellationToken,
    tasks: JoinSet<Outcome>,
    signing: Signing,
}

impl System {
    /// Starts everything and returns once it is ready for requests.
    pub(crate) fn start(
        directory: &DataDir,
        parties: u8,
        master: &MasterKeys,
        addresses: Addresses,
        sending: SendSettings,
    ) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Failure::internal)?;
        // Vaults are opened off the runtime: opening reads them whole.
        let secret = secrets::coordinator(&directory.coordinator_key())?;
        let hash_key = secrets::hash_key(&directory.hash_key())?;
        let checkpoint_key = directory.checkpoint_key()?;
        let files = Arc::new(directory.checkpoints());
        let checkpoints = Arc::new(Publishing::new(files, checkpoint_key.verifier().clone()));
        let webhooks = Wanted::of(directory, sending)?;
        let (roster, vaults) = directory.parties(parties, master)?;
        let names = vaults.iter().map(|(name, _)| name.clone()).collect();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let started = runtime.block_on(async {
            let parts = Parts::open(directory, roster, hash_key, addresses).await?;
            let newest = checkpoints.newest();
            parts
                .start(vaults, secret, newest, webhooks, &stop, &mut tasks)
                .await
        });
        match started {
            Ok((log, addresses)) => {
                let entered = runtime.enter();
                let signing = Signing::start(log.clone(), checkpoint_key, checkpoints);
                drop(entered);
                Ok(Self {
                    runtime,
                    log,
                    addresses,
                    parties: names,
                    stop,
                    tasks,
                    signing,
                })
            }
            Err(failure) => {
                stop.cancel();
                runtime.shutdown_timeout(STOP);
                Err(failure)
            }
        }
    }

    /// The base URLs of the command and the read API.
    pub(crate) fn urls(&self) -> (String, String) {
        let url = |address: SocketAddr| format!("http://{address}");
        (url(self.addresses.commands), url(self.addresses.reads))
    }

    /// The base URL of the endpoints that manage webhooks.
    pub(crate) fn webhooks_url(&self) -> String {
        format!("http://{}", self.addresses.webhooks)
    }

    /// The parties that run here.
    pub(crate) fn parties(&self) -> &[PartyId] {
        &self.parties
    }

    /// Takes SIGINT and SIGTERM from now on: to be called before anybody hears that
    /// the system is up, and may stop it.
    pub(crate) fn signals(&self) -> Outcome<Signals> {
        let _runtime = self.runtime.enter();
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::internal)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::internal)?,
        })
    }

    /// Runs until one of these signals comes, or until a part of it fails, then stops.
    pub(crate) fn run_until(mut self, mut told: Signals) -> Outcome {
        let ended = self.runtime.block_on(async {
            tokio::select! {
                () = told.any() => Ok(()),
                ended = self.tasks.join_next() => match ended {
                    Some(Ok(Err(failure))) => Err(failure),
                    _ => Err(Failure::internal("a part of the system ended by itself")),
                },
            }
        });
        ended.and(self.stop())
    }

    /// Stops taking work, lets what runs come to its end, and closes the log.
    pub(crate) fn stop(mut self) -> Outcome {
        self.stop.cancel();
        let closed = self.runtime.block_on(async {
            let drained = async { while self.tasks.join_next().await.is_some() {} };
            if tokio::time::timeout(STOP, drained).await.is_err() {
                tracing::warn!("some requests were still running and were cut off");
                self.tasks.shutdown().await;
            }
            self.signing.end().await;
            self.log.close().await
        });
        self.runtime.shutdown_timeout(STOP);
        closed.map_err(Failure::data)
    }
}

/// What tells the system to stop.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Waits for any of them.
    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// What is open before anything runs.
struct Parts {
    log: Arc<SqliteLog>,
    roster: Arc<Roster>,
    hash_key: HashKey,
    commands: TcpListener,
    reads: TcpListener,
    webhooks: TcpListener,
}

impl Parts {
    async fn open(
        directory: &DataDir,
        roster: Arc<Roster>,
        hash_key: HashKey,
        at: Addresses,
    ) -> Outcome<Self> {
        let commands = listen(at.commands).await?;
        let reads = listen(at.reads).await?;
        let webhooks = listen(at.webhooks).await?;
        let log = SqliteLog::open(directory.log())
            .await
            .map_err(Failure::data)?;
        log.adopt(&hash_key).await.map_err(|error| {
            let path = directory.hash_key();
            Failure::data(format!("{}: {error}", path.display()))
        })?;
        Ok(Self {
            log: Arc::new(log),
            roster,
            hash_key,
            commands,
            reads,
            webhooks,
        })
    }

    async fn start(
        self,
        vaults: Vec<LocalParty>,
        secret: zeroize::Zeroizing<[u8; 32]>,
        newest: watch::Receiver<Option<Published>>,
        webhooks: Wanted,
        stop: &CancellationToken,
        tasks: &mut JoinSet<Outcome>,
    ) -> Outcome<(Arc<SqliteLog>, Addresses)> {
        let local = LocalBus::new();
        let bus: Arc<dyn Bus> = Arc::new(local.clone());
        let feed: Arc<dyn EventFeed> = Arc::new(local);
        let presence = Arc::new(Presence::new(self.roster.clone()));
        let progress = Arc::new(ProgressBoard::new(self.roster.clone()));
        let head = self.log.head().await.map_err(Failure::data)?;

        follow(tasks, stop, {
            let (presence, bus) = (presence.clone(), bus.clone());
            async move {
                presence
                    .follow(&*bus, clock())
                    .await
                    .map_err(Failure::internal)
            }
        });
        follow(tasks, stop, {
            let (progress, bus) = (progress.clone(), bus.clone());
            async move { progress.follow(&*bus).await.map_err(Failure::internal) }
        });

        let projector = Arc::new(Projector::new(
            self.log.clone(),
            Arc::new(MemoryStore::new()),
        ));
        let models = Arc::new(projector.read_models());
        follow(tasks, stop, async move {
            projector.run().await;
            Ok(())
        });

        let commands = Arc::new(Commands::new(CommandsConfig {
            log: self.log.clone(),
            bus: bus.clone(),
            roster: self.roster.clone(),
            presence: presence.clone(),
            clock: clock(),
            entropy: Arc::new(entropy::<16>),
            coordinator_secret: secret,
            personal: self.log.clone(),
            hash_key: self.hash_key.clone(),
            policy: SessionPolicy::default(),
            feed: feed.clone(),
            leases: Arc::new(LocalLeases),
            checkpoints: Arc::new(NoCheckpoints),
            replica: "embedded".to_owned(),
        }));
        let mut ready = commands.readiness();
        let relayed = commands.relayed();
        {
            let (commands, stop) = (commands.clone(), stop.clone());
            tasks.spawn(async move { commands.run(stop).await.map_err(Failure::internal) });
        }

        let pool = Arc::new(CeremonyPool::new(cores()));
        let names: Vec<_> = vaults.iter().map(|(name, _)| name.clone()).collect();
        for (party, vault) in vaults {
            let config = WorkerConfig::new(
                party,
                vault,
                self.roster.clone(),
                bus.clone(),
                feed.clone(),
                pool.clone(),
                clock(),
            );
            let (worker, stop) = (Worker::new(config), stop.clone());
            tasks.spawn(async move { worker.run(stop).await.map_err(Failure::data) });
        }

        let api = ReadApi::new(ReadApiConfig {
            log: self.log.clone(),
            models: models.clone(),
            personal: self.log.clone(),
            hash_key: self.hash_key,
            presence: presence.clone(),
            progress,
            roster: self.roster,
            clock: clock(),
            entropy: Arc::new(entropy::<16>),
        });
        let api = api.with_relayed(relayed).with_checkpoints(newest);
        let api = Arc::new(api.with_streams(StreamSettings {
            stop: stop.clone(),
            ..StreamSettings::default()
        }));
        let webhooks = webhooks.open(self.log.clone()).await?;
        {
            let (webhooks, stop) = (webhooks.clone(), stop.clone());
            tasks.spawn(async move {
                webhooks.run(stop).await;
                Ok(())
            });
        }
        let addresses = Addresses {
            webhooks: self.webhooks.local_addr().map_err(Failure::internal)?,
            commands: self.commands.local_addr().map_err(Failure::internal)?,
            reads: self.reads.local_addr().map_err(Failure::internal)?,
        };
        serve(
            tasks,
            stop,
            self.commands,
            countersign_commands::router(commands),
        );
        serve(tasks, stop, self.reads, countersign_read_api::router(api));
        serve(
            tasks,
            stop,
            self.webhooks,
            countersign_webhooks::router(webhooks),
        );

        let up = async {
            presence.wait_for(&names, clock()).await;
            let coordinating = ready.wait_for(|ready| *ready).await.is_ok();
            coordinating && models.wait_for(head, START).await.is_ok()
        };
        tokio::select! {
            up = tokio::time::timeout(START, up) => match up {
                Ok(true) => Ok((self.log, addresses)),
                _ => Err(Failure::internal("the system did not get ready in time")),
            },
            // A part that cannot start says why.
            ended = tasks.join_next() => match ended {
                Some(Ok(Err(failure))) => Err(failure),
                _ => Err(Failure::internal("a part of the system ended while it started")),
            },
        }
    }
}

/// A task that is dropped when the system stops.
fn follow(
    tasks: &mut JoinSet<Outcome>,
    stop: &CancellationToken,
    task: impl Future<Output = Outcome> + Send + 'static,
) {
    let stop = stop.clone();
    tasks.spawn(async move { stop.run_until_cancelled(task).await.unwrap_or(Ok(())) });
}

fn serve(
    tasks: &mut JoinSet<Outcome>,
    stop: &CancellationToken,
    listener: TcpListener,
    router: Router,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await
            .map_err(Failure::internal)
    });
}

async fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::usage(format!(
            "cannot listen on {address} ({error}): pass another with --listen, --read-listen or \
             --webhooks-listen"
        ))
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
