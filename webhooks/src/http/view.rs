//! How subscriptions are shown.

use serde_json::{Value, json};

use crate::service::Status;

/// A subscription and how it stands; never its secret.
pub(super) fn webhook(status: &Status) -> Value {
    let it = &status.subscription;
    let mut view = json!({
        "webhook_id": it.id,
        "url": it.url,
        "filter": it.filter,
        "state": it.state,
        "cursor": it.cursor,
        "head_position": status.head,
        "lag": status.head.saturating_sub(it.cursor),
        "dead_letters": status.dead_letters,
        "dead_letters_in_a_row": it.dead_letters_in_a_row,
        "created_at": it.created_at,
    });
    let optional = [
        ("reason", json!(it.reason)),
        ("pending", json!(it.pending)),
        ("last_error", json!(it.last_error)),
        ("last_success_at", json!(it.last_success_at)),
        (
            "previous_secret_until",
            json!(it.previous.as_ref().map(|previous| previous.until)),
        ),
    ];
    for (name, value) in optional {
        if !value.is_null() {
            view[name] = value;
        }
    }
    view
}
