//! NATS: reached, with the stream of events, near the head of the log.

use std::sync::Arc;

use countersign_domain::roster::Roster;
use countersign_messaging::nats::{NatsBus, NatsFeed, STREAM};
use countersign_messaging::{Bus, EventFeed as _};

use super::parties;
use super::report::Report;
use crate::config::{Config, Role};
use crate::role::{in_full, nats_config};

/// How many events the relay may be behind in the midst of traffic.
const LAG: u64 = 1000;

pub(super) async fn check(
    config: &Config,
    role: Option<Role>,
    head: Option<u64>,
    roster: Option<Roster>,
    report: &mut Report,
) {
    let bus = match NatsBus::connect(&nats_config(config, "countersign-doctor")).await {
        Ok(bus) => bus,
        Err(error) => {
            // No password is in a URL: the configuration takes none.
            let said = format!("{}: {}", config.nats.urls.join(", "), in_full(&error));
            let cure = "check nats.urls and how nats says to log in, and that the server runs";
            report.fail("nats", said, cure);
            return;
        }
    };
    report.ok("nats", "reached");
    if role.is_none_or(|role| role == Role::Commands) {
        stream(&bus, head, report).await;
    }
    if let Some(roster) = roster {
        let shared: Arc<dyn Bus> = Arc::new(bus.clone());
        parties::hear(&shared, Arc::new(roster), report).await;
    }
    bus.close().await;
}

async fn stream(bus: &NatsBus, head: Option<u64>, report: &mut Report) {
    match NatsFeed::attach(bus).last().await {
        Err(error) => report.fail(
            "stream",
            in_full(&error),
            "`countersign commands` makes the stream; NATS needs JetStream",
        ),
        Ok(last) => {
            let last = last.unwrap_or(0);
            let lag = head.map_or(0, |head| head.saturating_sub(last));
            let said = format!("{STREAM} has events up to {last}");
            if lag > LAG {
                let said = format!("{said}, {lag} behind the log");
                let cure = "see that a `countersign commands` runs, and look at its log";
                report.warn("stream", said, cure);
            } else {
                report.ok("stream", said);
            }
        }
    }
}
