//! The role `commands`: takes commands, coordinates sessions, relays events.

use std::sync::Arc;

use countersign_commands::{Commands, CommandsConfig, RunError};
use countersign_event_store::{PostgresCheckpoints, PostgresLeases};
use countersign_messaging::subject;

use super::late::Late;
use super::process::Process;
use super::supervise::supervise;
use super::{bus, database, followers, listen};
use crate::clock::{clock, entropy};
use crate::failure::{Failure, Outcome};
use crate::files;

pub(super) async fn start(process: &mut Process) -> Outcome {
    let config = process.config.clone();
    let (Some(roster), Some(secret), Some(hash_key)) = (
        &config.roster,
        config.commands.secret(),
        config.personal.key(),
    ) else {
        return Err(Failure::internal("the configuration was not checked"));
    };
    let roster = Arc::new(files::roster(roster)?);
    let listener = listen::listen(config.commands.listen, "commands.listen").await?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    let late = Late::default();
    let waiting = late.router(process.health.clone());
    listen::serve(&mut process.tasks, &process.stop, listener, waiting);
    tracing::info!(%address, "listening");

    let log = database::open(process).await?;
    database::adopt(process, &log, &hash_key).await?;
    let nats = bus::connect(process).await?;
    let feed = bus::feed(process, &nats).await?;
    let bus = bus::shared(&nats);
    let presence = followers::presence(process, &roster, &bus);
    followers::log_head(process, &log, &bus);

    let pool = log.pool().clone();
    let commands = Arc::new(Commands::new(CommandsConfig {
        personal: log.clone(),
        hash_key,
        log,
        bus: bus.clone(),
        roster,
        presence,
        clock: clock(),
        entropy: Arc::new(entropy::<16>),
        coordinator_secret: secret,
        policy: config.sessions,
        feed,
        leases: Arc::new(PostgresLeases::new(pool.clone())),
        checkpoints: Arc::new(PostgresCheckpoints::new(pool)),
        replica: process.replica.clone(),
    }));
    followers::announce(process, &bus, subject::relayed_head(), commands.relayed());
    coordinate(process, &commands);
    late.put(countersign_commands::router(commands));
    Ok(())
}

fn coordinate(process: &mut Process, commands: &Arc<Commands>) {
    const WHAT: &str = "the coordinator";
    let (health, mut ready) = (process.health.clone(), commands.readiness());
    health.waits(WHAT, "it reads the event log");
    process.follow(async move {
        loop {
            if *ready.borrow_and_update() {
                health.has(WHAT);
            } else {
                health.waits(WHAT, "it reads the event log");
            }
            if ready.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    });
    let (commands, stop) = (commands.clone(), process.stop.clone());
    process.tasks.spawn(supervise(
        "the command side",
        stop.clone(),
        |error: &RunError| match error {
            RunError::Log(error) => database::may_pass(error),
            _ => true,
        },
        move || commands.clone().run(stop.clone()),
    ));
}
