//! The role `projector`: one at a time keeps the read models up with the log, the
//! others stand by. One of them signs the log's checkpoints, too.

use std::sync::Arc;

use countersign_event_store::PostgresLeases;
use countersign_messaging::subject;
use countersign_projections::postgres::Projectors;

use super::process::Process;
use super::{bus, checkpoints, database, followers, in_full};
use crate::failure::{Failure, Outcome};

pub(super) async fn start(process: &mut Process) -> Outcome {
    let log = database::open(process).await?;
    // The database is what counts: without NATS, it looks by itself.
    let nats = bus::connect_lazily(process).await?;
    let bus = bus::shared(&nats);
    followers::hear_log_head(process, &log, &bus);

    let pool = log.pool().clone();
    let replica = process.replica.clone();
    let projectors = Projectors::new(
        log.clone(),
        pool.clone(),
        Arc::new(PostgresLeases::new(pool)),
        replica,
    );
    let positions = projectors.positions();
    followers::announce(process, &bus, subject::projected_head(), positions);
    checkpoints::sign(process, &log, &bus);
    // It goes on through what passes by itself.
    let stop = process.stop.clone();
    process.tasks.spawn(async move {
        let ended = projectors.run(stop).await;
        ended.map_err(|error| Failure::data(in_full(&error)))
    });
    Ok(())
}
