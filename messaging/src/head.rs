//! Heads: how far a log or the read models are, said by who knows it to who waits
//! for it.
//!
//! Only a hint. A position may be lost, late or a lie: whoever hears it looks for
//! itself, and looks by itself from time to time besides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::{Bus, Headers, Payload};

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// Publishes `positions` on `subject` as they advance; those that are passed while
/// one is being published are left out. Ends when the sender of the positions is
/// dropped.
pub async fn announce(bus: Arc<dyn Bus>, subject: String, mut positions: watch::Receiver<u64>) {
    let mut said = 0;
    let mut away = false;
    loop {
        let position = *positions.borrow_and_update();
        if position > said {
            let text = Payload::from(position.to_string());
            match bus.publish(&subject, text, Headers::new()).await {
                Ok(()) => {
                    said = position;
                    away = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, subject, "a position is not announced");
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
        }
        if positions.changed().await.is_err() {
            return;
        }
    }
}

/// Calls `heard` with every position that is announced on `subject`. Ends when the
/// bus has shut down.
pub async fn listen(bus: Arc<dyn Bus>, subject: String, heard: impl Fn(u64) + Send) {
    let mut away = false;
    let mut positions = loop {
        match bus.subscribe(&subject).await {
            Ok(positions) => break positions,
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(%error, subject, "positions are not heard");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    while let Some(message) = positions.next().await {
        let text = std::str::from_utf8(&message.payload).ok();
        if let Some(position) = text.and_then(|text| text.parse().ok()) {
            heard(position);
        }
    }
}
