//! The role `read-api`: answers queries from the read models and the log.

use std::sync::Arc;

use countersign_messaging::subject;
use countersign_projections::postgres::PostgresSnapshots;
use countersign_projections::{PostgresStore, ReadModels};
use countersign_read_api::{ReadApi, ReadApiConfig, StreamSettings};

use tokio::sync::watch;

use super::late::Late;
use super::patience::{self, Attempt};
use super::process::Process;
use super::{bus, checkpoints, database, followers, in_full, listen};
use crate::clock::{clock, entropy};
use crate::failure::{Failure, Outcome};
use crate::files;

pub(super) async fn start(process: &mut Process) -> Outcome {
    let config = process.config.clone();
    let (Some(roster), Some(hash_key)) = (&config.roster, config.personal.key()) else {
        return Err(Failure::internal("the configuration was not checked"));
    };
    let roster = Arc::new(files::roster(roster)?);
    let listener = listen::listen(config.read_api.listen, "read_api.listen").await?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    let late = Late::default();
    let waiting = late.router(process.health.clone());
    listen::serve(&mut process.tasks, &process.stop, listener, waiting);
    tracing::info!(%address, "listening");

    let log = database::open(process).await?;
    database::check(process, &log, &hash_key).await?;
    // Queries need no bus: only who is present, and how soon news are seen.
    let nats = bus::connect_lazily(process).await?;
    let bus = bus::shared(&nats);
    let presence = followers::presence(process, &roster, &bus);
    let progress = followers::progress(process, &roster, &bus);
    followers::hear_log_head(process, &log, &bus);
    let newest = checkpoints::hear(process, &bus);

    let pool = log.pool().clone();
    let snapshots = Arc::new(PostgresSnapshots::new(pool.clone()));
    let store = patience::until("the read models", &process.health, async || {
        PostgresStore::connect(pool.clone())
            .await
            .map_err(|error| Attempt::NotYet(in_full(&error)))
    })
    .await?;
    let store = Arc::new(store);
    let nudged = store.clone();
    followers::hear(process, &bus, subject::projected_head(), move |position| {
        nudged.nudge(position);
    });
    let relayed = watch::Sender::new(0);
    let heard = relayed.subscribe();
    followers::hear(process, &bus, subject::relayed_head(), move |position| {
        relayed.send_replace(position);
    });
    let api = ReadApi::new(ReadApiConfig {
        personal: log.clone(),
        hash_key,
        log,
        models: Arc::new(ReadModels::new(store)),
        presence,
        progress,
        roster,
        clock: clock(),
        entropy: Arc::new(entropy::<16>),
    })
    .with_checkpoints(newest)
    .with_snapshots(snapshots)
    .with_console(config.read_api.console)
    .with_relayed(heard)
    .with_streams(StreamSettings {
        max_clients: usize::try_from(config.read_api.max_streams).unwrap_or(usize::MAX),
        stop: process.stop.clone(),
        ..StreamSettings::default()
    });
    late.put(countersign_read_api::router(Arc::new(api)));
    Ok(())
}
