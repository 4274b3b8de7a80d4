//! Whether the process lives, and whether it is of use.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::problem::{Code, Problem};
use crate::rosters::strangers;
use crate::service::Commands;

/// How long the log may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Ready is a replica that can begin sessions: it has caught up with the log, and
/// reaches log and bus. Otherwise it says what is wrong. A party that pins another
/// roster is a warning: others may do without it.
pub(super) async fn readyz(State(commands): State<Arc<Commands>>) -> Result<Json<Value>, Problem> {
    let mut reasons = vec![];
    let head = timeout(PATIENCE, commands.repository.log().head()).await;
    let position = match head {
        Ok(Ok(position)) => Some(position),
        Ok(Err(error)) => {
            commands.health.log_fails(&error);
            reasons.push("the event log cannot be used now".to_owned());
            None
        }
        Err(_) => {
            reasons.push("the event log does not answer".to_owned());
            None
        }
    };
    if !*commands.ready.borrow() && position.is_some() {
        reasons.push("still reading the event log".to_owned());
    }
    if let Some(away) = commands.bus_away() {
        let seconds = away.as_secs();
        reasons.push(format!(
            "the bus has not been reachable for {seconds} s: parties cannot be invited"
        ));
    }
    let warnings: Vec<_> = strangers(&commands.presence, commands.now())
        .into_iter()
        .map(|party| format!("party {party} pins another roster than this replica"))
        .collect();
    let warnings = (!warnings.is_empty()).then(|| json!(warnings));
    match position {
        Some(position) if reasons.is_empty() => {
            let mut ready = json!({ "status": "ready", "position": position });
            if let Some(warnings) = warnings {
                ready["warnings"] = warnings;
            }
            Ok(Json(ready))
        }
        _ => {
            let problem = Problem::new(Code::Unavailable, reasons.join("; ")).retry_after(1);
            Err(match warnings {
                Some(warnings) => problem.with("warnings", warnings),
                None => problem,
            })
        }
    }
}
