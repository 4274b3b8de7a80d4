//! Where events are replayed to.

use std::io::{BufWriter, ErrorKind, Stdout as Out, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use countersign_event_store::Envelope;
use countersign_messaging::bus::Headers;
use countersign_messaging::nats::NatsBus;
use countersign_messaging::subject::is_subject;
use countersign_messaging::{Bus as _, BusError};

use crate::failure::{Failure, Kind, Outcome};
use crate::role::{in_full, nats_config};
use crate::run::past_log::PastLog;

/// What the subjects of the system itself begin with.
const OWN: &str = "cs.";

/// Takes events.
#[async_trait]
pub(super) trait Sink: Send {
    /// Takes the next event.
    async fn take(&mut self, event: &Arc<Envelope>) -> Outcome;

    /// Returns when all that was taken has arrived.
    async fn settle(&mut self) -> Outcome;

    /// Lets go.
    async fn close(&mut self) {}
}

/// JSON lines on stdout.
pub(super) struct Stdout(BufWriter<Out>);

impl Stdout {
    pub(super) fn new() -> Self {
        Self(BufWriter::new(std::io::stdout()))
    }
}

#[async_trait]
impl Sink for Stdout {
    async fn take(&mut self, event: &Arc<Envelope>) -> Outcome {
        let mut line = serde_json::to_vec(&**event).map_err(Failure::internal)?;
        line.push(b'\n');
        written(self.0.write_all(&line))
    }

    async fn settle(&mut self) -> Outcome {
        written(self.0.flush())
    }
}

/// A reader that went away (`| head`) ends the command.
fn written(result: std::io::Result<()>) -> Outcome {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(Failure::internal),
    }
}

/// A subject of NATS.
pub(super) struct Nats {
    bus: NatsBus,
    subject: String,
    /// How often the connection was lost before.
    losses: u64,
}

impl Nats {
    pub(super) async fn connect(past: &PastLog, subject: &str) -> Outcome<Self> {
        let config = past.config.as_ref().filter(|it| !it.nats.urls.is_empty());
        let config = config.ok_or_else(|| {
            Failure::usage(
                "nats.urls is not set, and --nats-subject needs it: set COUNTERSIGN_NATS_URLS, \
                 such as nats://127.0.0.1:4222",
            )
        })?;
        let bus = NatsBus::connect(&nats_config(config, "countersign replay")).await;
        let bus = bus.map_err(|e| unavailable(&e))?;
        Ok(Self {
            losses: bus.losses(),
            bus,
            subject: subject.to_owned(),
        })
    }
}

#[async_trait]
impl Sink for Nats {
    async fn take(&mut self, event: &Arc<Envelope>) -> Outcome {
        let payload = serde_json::to_vec(&**event).map_err(Failure::internal)?;
        let headers = Headers::new().with_position(event.position);
        let sent = self.bus.publish(&self.subject, payload.into(), headers);
        sent.await.map_err(|e| unavailable(&e))
    }

    async fn settle(&mut self) -> Outcome {
        self.bus.confirm().await.map_err(|e| unavailable(&e))?;
        if self.bus.losses() != self.losses {
            let error = BusError::Connection("the connection was lost meanwhile".into());
            return Err(unavailable(&error));
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.bus.close().await;
    }
}

/// Refuses what is no subject, and the subjects that the system itself listens to.
pub(super) fn check_subject(subject: &str) -> Outcome {
    if !is_subject(subject) {
        return Err(Failure::usage(
            "--nats-subject: must be a subject to publish on: words with dots between them, \
             without wildcards, such as replay.events",
        ));
    }
    if subject.starts_with(OWN) {
        return Err(Failure::usage(format!(
            "--nats-subject: what begins with `{OWN}` is for the system itself, which would take \
             old events for new ones: choose another, such as replay.events"
        )));
    }
    Ok(())
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Failure {
    let again = "what was not noted is delivered again with --resume";
    Failure::new(
        Kind::Unavailable,
        format!("NATS: {}; {again}", in_full(error)),
    )
}

#[cfg(test)]
mod tests {
    use super::check_subject;

    #[test]
    fn old_events_are_never_published_where_new_ones_are() {
        let own = countersign_messaging::subject::events("key", "KeyFrozen", 1);
        let said = check_subject(&own).expect_err("refused").message;
        assert!(said.contains("replay.events"), "{said}");
        for bad in ["", "a..b", "a.*", "a.>", "a b"] {
            assert!(check_subject(bad).is_err(), "{bad}");
        }
        assert!(check_subject("replay.events").is_ok());
    }
}
