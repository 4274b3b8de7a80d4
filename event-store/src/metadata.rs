//! The `metadata` column of adapters whose table is the one of postgres-es.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Metadata;

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
    /// The column of every event of an append.
    pub(crate) fn of(metadata: &Metadata) -> String {
        let column = MetadataColumn {
            correlation_id: metadata.correlation_id,
            causation_id: metadata.causation_id,
            actor: Cow::Borrowed(&metadata.actor),
            traceparent: metadata.trace_parent.as_deref().map(Cow::Borrowed),
        };
        serde_json::to_string(&column).expect("texts are JSON")
    }
}
