//! The role `party`: holds shares and signs.

use std::sync::Arc;
use std::time::Duration;

use countersign_messaging::EventFeed;
use countersign_messaging::nats::NatsFeed;
use countersign_parties::worker::{CeremonyPool, Worker, WorkerConfig, WorkerError};

use super::process::Process;
use super::supervise::supervise;
use super::{bus, vault::PartyVault};
use crate::clock::clock;
use crate::failure::{Failure, Outcome};
use crate::files;

/// What is left of the time to drain for closing everything.
const CLOSING: Duration = Duration::from_millis(500);

pub(super) async fn start(process: &mut Process) -> Outcome {
    let config = process.config.clone();
    let Some(roster) = &config.roster else {
        return Err(Failure::internal("the configuration was not checked"));
    };
    let roster = Arc::new(files::roster(roster)?);
    let place = PartyVault::of(&config)?;
    let party = place.party.clone();
    // Opening reads the whole file.
    let vault = tokio::task::spawn_blocking(move || place.open())
        .await
        .map_err(Failure::internal)??;
    let vault = Arc::new(vault);
    tracing::info!(%party, "the vault is open");

    let nats = bus::connect(process).await?;
    let bus = bus::shared(&nats);
    let feed: Arc<dyn EventFeed> = Arc::new(NatsFeed::attach(&nats));
    let pool = Arc::new(CeremonyPool::default());
    let drain = config.shutdown.drain().saturating_sub(CLOSING);
    let stop = process.stop.clone();
    process.tasks.spawn(supervise(
        "the party",
        stop.clone(),
        |error: &WorkerError| {
            matches!(
                error,
                WorkerError::Subscribe { .. } | WorkerError::BusClosed
            )
        },
        move || {
            let mut worker = WorkerConfig::new(
                party.clone(),
                vault.clone(),
                roster.clone(),
                bus.clone(),
                feed.clone(),
                pool.clone(),
                clock(),
            );
            worker.limits.drain = drain;
            Worker::new(worker).run(stop.clone())
        },
    ));
    Ok(())
}
