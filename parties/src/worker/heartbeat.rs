//! A sign of life each second, so that the coordinator knows whom to ask.

use std::sync::atomic::Ordering;

use countersign_messaging::presence::{Heartbeat, roster_fingerprint};
use countersign_messaging::{Headers, subject};
use tokio::time::MissedTickBehavior;

use super::context::Context;

/// Sends heartbeats until the worker is told to stop.
pub(super) async fn beat(context: &Context) {
    let subject = subject::presence(&context.party);
    let mut heartbeat = Heartbeat {
        party: context.party.clone(),
        sent_at: (context.clock)(),
        started_at: (context.clock)(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engines: context.engines.keys().copied().collect(),
        roster: roster_fingerprint(&context.roster),
        running: 0,
    };
    let mut interval = tokio::time::interval(context.limits.heartbeat);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = context.stop.drain.cancelled() => return,
        }
        heartbeat.sent_at = (context.clock)();
        heartbeat.running = context.running.load(Ordering::Relaxed);
        let payload = heartbeat.sign(&context.keys).into();
        let sent = context.bus.publish(&subject, payload, Headers::default());
        if let Err(error) = sent.await {
            tracing::warn!(%error, "heartbeat not sent");
        }
    }
}
