//! `countersign replay --as-of`: one account, key or session as it was, and what has
//! changed since.

use std::collections::BTreeMap;

use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_event_store::Point;
use countersign_projections::history::{Entity, Field, fields};
use countersign_projections::{AccountRow, KeyRow, SessionRow};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::args::KindArg;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::run::diff::field_lines;
use crate::run::past_log::{PastLog, failed};

/// Events since then that are told one by one.
const TOLD: usize = 100;

pub(super) async fn run(
    past: &PastLog,
    point: Point,
    kind: KindArg,
    id: Uuid,
    as_json: bool,
) -> Outcome {
    match kind {
        KindArg::Account => show::<AccountRow>(past, point, AccountId(id), as_json).await,
        KindArg::Key => show::<KeyRow>(past, point, KeyId(id), as_json).await,
        KindArg::Session => show::<SessionRow>(past, point, SessionId(id), as_json).await,
    }
}

async fn show<E: Entity>(past: &PastLog, point: Point, id: E::Id, as_json: bool) -> Outcome {
    let position = past.resolve("--as-of", point).await?;
    let (stream, name) = (E::stream(id), E::KIND.name());
    let log = &past.log;
    let first = log
        .read_stream(&stream, 0, 1)
        .await
        .map_err(|e| failed(&e))?;
    let Some(first) = first.first() else {
        return Err(Failure::usage(format!("there is no {name} {id}")));
    };
    if first.position > position {
        return Err(Failure::usage(format!(
            "--as-of: there was no {name} {id} at position {position}: it came to be at position \
             {}",
            first.position
        )));
    }
    let head = past.head().await?;
    let then = past.history.at::<E>(id, position).await;
    let then = then.map_err(|e| failed(&e))?;
    let now = past.history.at::<E>(id, head).await;
    let now = now.map_err(|e| failed(&e))?;
    let (Some(row), Some(row_now)) = (&then.row, &now.row) else {
        return Err(Failure::data(format!(
            "the events of {name} {id} cannot be read"
        )));
    };
    let events = log.read_stream(&stream, then.version, TOLD).await;
    let events = events.map_err(|e| failed(&e))?;
    let events: Vec<_> = events
        .iter()
        .map(|event| {
            json!({
                "position": event.position,
                "recorded_at": event.recorded_at,
                "event_type": event.event_type,
            })
        })
        .collect();
    let changed = fields(&row.show(), &row_now.show());
    let told = json!({
        "as_of": position,
        name: row.show(),
        "since": {
            "to": head,
            "events": now.version - then.version,
            "first_events": events,
            "fields": changed,
        },
    });
    output::either(as_json, &told, |told| text(name, told, &changed))
}

fn text(name: &str, told: &Value, changed: &BTreeMap<String, Field>) -> String {
    let then = serde_json::to_string_pretty(&told[name]).unwrap_or_default();
    let since = &told["since"];
    let mut text = format!(
        "{name} as of position {}\n{then}\n\nsince then, up to position {}: {} events",
        told["as_of"], since["to"], since["events"]
    );
    let events = since["first_events"].as_array();
    for event in events.into_iter().flatten() {
        text.push_str(&format!(
            "\n  {:>6}  {}  {}",
            event["position"].to_string(),
            output::plain(&event["recorded_at"]),
            output::plain(&event["event_type"]),
        ));
    }
    let told = events.map_or(0, Vec::len) as u64;
    let more = since["events"].as_u64().unwrap_or(0).saturating_sub(told);
    if more > 0 {
        text.push_str(&format!("\n  … and {more} more"));
    }
    for line in field_lines(changed) {
        text.push_str("\n  ");
        text.push_str(&line);
    }
    text
}
