//! What follows the bus for ever: presence, progress, and heads.

use std::sync::Arc;

use countersign_domain::roster::Roster;
use countersign_event_store::PostgresLog;
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_messaging::{Bus, BusError, head, subject};
use tokio::sync::watch;

use super::patience::Backoff;
use super::process::Process;
use crate::clock::clock;

/// Who is there, by their heartbeats.
pub(super) fn presence(
    process: &mut Process,
    roster: &Arc<Roster>,
    bus: &Arc<dyn Bus>,
) -> Arc<Presence> {
    let presence = Arc::new(Presence::new(roster.clone()));
    let (heard, bus) = (presence.clone(), bus.clone());
    process.follow(async move {
        let mut backoff = Backoff::default();
        loop {
            let ended = heard.follow(&*bus, clock()).await;
            before_again("presence", ended, &mut backoff).await;
        }
    });
    presence
}

/// How far running sessions are.
pub(super) fn progress(
    process: &mut Process,
    roster: &Arc<Roster>,
    bus: &Arc<dyn Bus>,
) -> Arc<ProgressBoard> {
    let progress = Arc::new(ProgressBoard::new(roster.clone()));
    let (heard, bus) = (progress.clone(), bus.clone());
    process.follow(async move {
        let mut backoff = Backoff::default();
        loop {
            let ended = heard.follow(&*bus).await;
            before_again("progress", ended, &mut backoff).await;
        }
    });
    progress
}

/// Tells others what this process commits, and hears what they commit.
pub(super) fn log_head(process: &mut Process, log: &Arc<PostgresLog>, bus: &Arc<dyn Bus>) {
    announce(process, bus, subject::log_head(), log.committed());
    hear_log_head(process, log, bus);
}

/// Hears what others commit.
pub(super) fn hear_log_head(process: &mut Process, log: &Arc<PostgresLog>, bus: &Arc<dyn Bus>) {
    let log = log.clone();
    hear(process, bus, subject::log_head(), move |position| {
        log.nudge(position);
    });
}

/// Tells others a position as it advances.
pub(super) fn announce(
    process: &mut Process,
    bus: &Arc<dyn Bus>,
    subject: String,
    positions: watch::Receiver<u64>,
) {
    let bus = bus.clone();
    process.follow(async move {
        head::announce(bus, subject, positions).await;
        std::future::pending().await
    });
}

/// Hears a position that others tell.
pub(super) fn hear(
    process: &mut Process,
    bus: &Arc<dyn Bus>,
    subject: String,
    heard: impl Fn(u64) + Clone + Send + Sync + 'static,
) {
    let bus = bus.clone();
    process.follow(async move {
        let mut backoff = Backoff::default();
        loop {
            head::listen(bus.clone(), subject.clone(), heard.clone()).await;
            backoff.pause().await;
        }
    });
}

/// A subscription failed or ended, and is to be made again.
async fn before_again(what: &str, ended: Result<(), BusError>, backoff: &mut Backoff) {
    match ended {
        Ok(()) => *backoff = Backoff::default(),
        Err(error) => tracing::warn!(%error, "{what} cannot be followed"),
    }
    backoff.pause().await;
}
