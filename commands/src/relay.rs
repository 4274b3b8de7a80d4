//! The relay: publishes every committed event on the bus.

use std::sync::Arc;

use countersign_event_store::{Envelope, EventLog, LogError, subscribe};
use countersign_messaging::{Bus, Headers, subject};
use futures::StreamExt as _;

use crate::coordinator::is_final;

/// Publishes the events after `position`, in order, until the log is of no use.
///
/// An event whose publication fails is published again before any later one.
pub(crate) async fn run(log: Arc<dyn EventLog>, bus: Arc<dyn Bus>, position: u64) -> LogError {
    let mut events = std::pin::pin!(subscribe(log, position));
    while let Some(event) = events.next().await {
        match event {
            Ok(envelope) => publish(&*bus, &envelope).await,
            Err(error) if is_final(&error) => return error,
            // The subscription itself tries again from where it was.
            Err(error) => tracing::warn!(%error, "the relay cannot read the log"),
        }
    }
    LogError::Closed
}

async fn publish(bus: &dyn Bus, envelope: &Envelope) {
    let subject = subject::events(
        &envelope.stream.aggregate_type,
        &envelope.event_type,
        &envelope.stream.aggregate_id,
    );
    let Ok(payload) = serde_json::to_vec(envelope) else {
        tracing::error!(position = envelope.position, "an event cannot be written");
        return;
    };
    let payload = countersign_messaging::Payload::from(payload);
    let mut pause = std::time::Duration::from_millis(50);
    loop {
        let mut headers = Headers::new().with_position(envelope.position);
        if let Some(trace) = &envelope.trace_parent {
            headers = headers.with_traceparent(trace.clone());
        }
        match bus.publish(&subject, payload.clone(), headers).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, position = envelope.position, "the relay waits for the bus");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(std::time::Duration::from_secs(5));
            }
        }
    }
}
