//! PostgreSQL: reached, of this schema, with the same time, projected.

use countersign_event_store::{EventLog as _, LogError, PostgresLog};
use countersign_projections::postgres::{self, ProjectionStatus};

use super::report::Report;
use crate::clock::now;
use crate::config::Config;
use crate::role::{in_full, postgres_config};

/// Clocks further apart than this are worth a look, in seconds …
const SKEW: f64 = 2.0;

/// … and further than this, heartbeats are refused.
const TOO_MUCH: f64 = 30.0;

/// How many events behind a projection may be in the midst of traffic.
const LAG: u64 = 1000;

/// Returns the head of the log, when it could be read.
pub(super) async fn check(config: &Config, projections: bool, report: &mut Report) -> Option<u64> {
    let mut connect = postgres_config(config);
    connect.max_connections = 2;
    let log = match PostgresLog::connect(connect).await {
        Ok(log) => log,
        Err(error) => {
            report.fail("postgres", in_full(&error), cure(&error));
            return None;
        }
    };
    let head = match log.head().await {
        Ok(head) => {
            report.ok("postgres", format!("reached; the log's head is {head}"));
            Some(head)
        }
        Err(error) => {
            report.fail("postgres", in_full(&error), "look at the server's log");
            None
        }
    };
    clock(&log, report).await;
    if let (true, Some(head)) = (projections, head) {
        match postgres::status(log.pool(), head).await {
            Ok(statuses) => statuses.iter().for_each(|one| projection(one, report)),
            Err(error) => report.fail("projections", in_full(&error), "run `countersign migrate`"),
        }
    }
    // Nothing was written.
    let _ = log.close().await;
    head
}

fn cure(error: &LogError) -> &'static str {
    match error {
        LogError::Credentials { .. } => "check user and password in database.url",
        LogError::Unreachable { .. } => {
            "check host, port and database in database.url, and that the server runs"
        }
        _ => "",
    }
}

async fn clock(log: &PostgresLog, report: &mut Report) {
    const NOW: &str = "SELECT extract(epoch FROM clock_timestamp())::float8";
    let before = seconds();
    let there: Result<f64, _> = sqlx::query_scalar(NOW).fetch_one(log.pool()).await;
    let after = seconds();
    let there = match there {
        Ok(there) => there,
        Err(error) => {
            report.fail("clock", in_full(&error), "look at the server's log");
            return;
        }
    };
    // The server read its clock somewhere between.
    let apart = (there - after).max(before - there).max(0.0);
    let said = format!("this clock and the database's are {apart:.3} s apart");
    if apart > TOO_MUCH {
        report.fail("clock", said, "set both by NTP");
    } else if apart > SKEW {
        report.warn("clock", said, "set both by NTP");
    } else {
        report.ok("clock", said);
    }
}

fn seconds() -> f64 {
    now().timestamp_micros() as f64 / 1e6
}

fn projection(status: &ProjectionStatus, report: &mut Report) {
    let name = status.projection;
    if status.parked > 0 {
        let first = status.parked_events.first();
        let first = first.map_or_else(String::new, |event| format!(", the first by {event:?}"));
        report.fail(
            "projections",
            format!("{name}: {} streams are parked{first}", status.parked),
            "mend what the event shows, then `countersign projections rebuild` folds it again",
        );
    }
    let said = format!(
        "{name}: at {} of {}, version {}",
        status.position, status.head, status.version
    );
    if status.lag > LAG {
        report.warn(
            "projections",
            format!("{said}: {} behind", status.lag),
            "see that a projector runs, and look at its log",
        );
    } else {
        report.ok("projections", said);
    }
}
