//! The `metadata` column of adapters whose table is the one of postgres-es.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Envelope;

/// JSON with text values only, as postgres-es expects.
#[derive(Serialize, Deserialize)]
pub(crate) struct MetadataColumn<'a> {
    pub(crate) correlation_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) causation_id: Option<Uuid>,
    #[serde(borrow)]
    pub(crate) actor: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<Cow<'a, str>>,
}

impl MetadataColumn<'_> {
    /// The column of an event.
    pub(crate) fn of(envelope: &Envelope) -> String {
        let column = MetadataColumn {
            correlation_id: envelope.correlation_id,
            causation_id: envelope.causation_id,
            actor: Cow::Borrowed(&envelope.actor),
            traceparent: envelope.trace_parent.as_deref().map(Cow::Borrowed),
        };
        serde_json::to_string(&column).expect("texts are JSON")
    }
}
