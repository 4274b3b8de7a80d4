//! Messages: what is sent of an event, and how it is signed.

use bytes::Bytes;
use countersign_domain::Timestamp;
use countersign_event_store::Envelope;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::seal::{SealError, SealKey};
use crate::send::Message;
use crate::subscription::Subscription;

/// The `type` of a message that only tries the way.
pub const TEST_TYPE: &str = "webhook.test";

/// The payload of the Standard Webhooks specification.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a Envelope,
}

/// An event for a subscription. What it says never changes; when it is sent, and what
/// signs it, may.
pub(crate) fn of_event(
    key: &SealKey,
    subscription: &Subscription,
    event: &Envelope,
    now: Timestamp,
) -> Result<Message, MessageError> {
    let body = serde_json::to_vec(&Body {
        r#type: &event.event_type,
        timestamp: event.recorded_at,
        data: event,
    })?;
    let id = subscription.message_id(event.position);
    signed(key, subscription, id, body, now)
}

/// A message that tries the way.
pub(crate) fn of_test(
    key: &SealKey,
    subscription: &Subscription,
    test: Uuid,
    now: Timestamp,
) -> Result<Message, MessageError> {
    let id = format!("msg_{}_test_{}", subscription.id.simple(), test.simple());
    let data = json!({ "webhook_id": subscription.id });
    let body = json!({ "type": TEST_TYPE, "timestamp": now, "data": data });
    signed(key, subscription, id, serde_json::to_vec(&body)?, now)
}

/// Why a message cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error(transparent)]
    Secret(#[from] SealError),
    #[error("the event cannot be written")]
    Write(#[from] serde_json::Error),
}

fn signed(
    key: &SealKey,
    subscription: &Subscription,
    id: String,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Message, MessageError> {
    let seconds = now.timestamp();
    let sign = |sealed| -> Result<String, SealError> {
        Ok(key.open(subscription.id, sealed)?.sign(&id, seconds, &body))
    };
    let mut signatures = sign(&subscription.secret)?;
    let previous = subscription.previous.as_ref();
    if let Some(previous) = previous.filter(|previous| now < previous.until) {
        signatures = format!("{signatures} {}", sign(&previous.secret)?);
    }
    Ok(Message {
        id,
        timestamp: now,
        signatures,
        body: Bytes::from(body),
    })
}
