//! `countersign webhook …`

use serde_json::{Value, json};

use crate::args::{FilterArgs, WebhookCommand, WebhookServerArgs};
use crate::client::Server;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;

/// What is shown of a webhook.
const FIELDS: [&str; 14] = [
    "webhook_id",
    "url",
    "filter",
    "state",
    "reason",
    "cursor",
    "head_position",
    "lag",
    "pending",
    "last_error",
    "last_success_at",
    "dead_letters",
    "previous_secret_until",
    "created_at",
];

pub(super) fn run(command: &WebhookCommand, as_json: bool) -> Outcome {
    match command {
        WebhookCommand::Add {
            target,
            filter,
            from,
            id,
            server,
        } => {
            let mut body = json!({ "url": target, "filter": filtered(filter) });
            if let Some(from) = from {
                body["from"] = (*from).into();
            }
            if let Some(id) = id {
                body["webhook_id"] = id.to_string().into();
            }
            let made = at(server).send("POST", "/v1/webhooks", &body)?;
            output::either(as_json, &made, with_secret)
        }
        WebhookCommand::List { server } => {
            let all = at(server).get("/v1/webhooks")?;
            output::either(as_json, &all, table)
        }
        WebhookCommand::Show { webhook, server } => {
            let it = at(server).get(&format!("/v1/webhooks/{webhook}"))?;
            output::either(as_json, &it, shown)
        }
        WebhookCommand::Pause { webhook, server } => {
            patch(server, webhook, &json!({ "state": "paused" }), as_json)
        }
        WebhookCommand::Resume { webhook, server } => {
            patch(server, webhook, &json!({ "state": "active" }), as_json)
        }
        WebhookCommand::RotateSecret {
            webhook,
            grace_seconds,
            server,
        } => {
            let path = format!("/v1/webhooks/{webhook}/rotate-secret");
            let body = json!({ "grace_seconds": grace_seconds });
            let it = at(server).send("POST", &path, &body)?;
            output::either(as_json, &it, with_secret)
        }
        WebhookCommand::Replay {
            webhook,
            from,
            server,
        } => {
            let path = format!("/v1/webhooks/{webhook}/replay");
            let it = at(server).send("POST", &path, &json!({ "from": from }))?;
            output::either(as_json, &it, shown)
        }
        WebhookCommand::DeadLetters {
            webhook,
            after,
            server,
        } => {
            let path = format!("/v1/webhooks/{webhook}/dead-letters?after={after}");
            output::either(as_json, &at(server).get(&path)?, letters)
        }
        WebhookCommand::Redeliver {
            webhook,
            position,
            server,
        } => {
            let path = format!("/v1/webhooks/{webhook}/dead-letters/{position}/redeliver");
            attempted(&at(server).send("POST", &path, &json!({}))?, as_json)
        }
        WebhookCommand::Remove { webhook, server } => {
            at(server).delete(&format!("/v1/webhooks/{webhook}"))?;
            let removed = json!({ "webhook_id": webhook, "removed": true });
            output::either(as_json, &removed, |_| format!("removed {webhook}"))
        }
        WebhookCommand::Test { webhook, server } => {
            let path = format!("/v1/webhooks/{webhook}/test");
            attempted(&at(server).send("POST", &path, &json!({}))?, as_json)
        }
    }
}

fn at(server: &WebhookServerArgs) -> Server {
    Server::at(&server.url, &server.url)
}

fn filtered(filter: &FilterArgs) -> Value {
    json!({
        "types": filter.types,
        "accounts": filter.account,
        "keys": filter.key,
        "sessions": filter.session,
    })
}

fn patch(server: &WebhookServerArgs, webhook: &uuid::Uuid, body: &Value, as_json: bool) -> Outcome {
    let it = at(server).send("PATCH", &format!("/v1/webhooks/{webhook}"), body)?;
    output::either(as_json, &it, shown)
}

fn shown(it: &Value) -> String {
    output::fields(it, &FIELDS)
}

fn with_secret(it: &Value) -> String {
    if it["secret"].is_null() {
        return format!(
            "{}\n\nIt was there before, and its secret is not shown again: \
             `countersign webhook rotate-secret {}` makes another.",
            shown(it),
            output::plain(&it["webhook_id"])
        );
    }
    format!(
        "{}\n\nsecret  {}\nKeep it where messages are received: it is not shown again.",
        shown(it),
        output::plain(&it["secret"])
    )
}

fn table(all: &Value) -> String {
    let rows: Vec<_> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            ["webhook_id", "state", "lag", "dead_letters", "url"]
                .map(|name| output::plain(&it[name]))
                .to_vec()
        })
        .collect();
    output::table(&["WEBHOOK", "STATE", "LAG", "DEAD", "URL"], &rows)
}

fn letters(all: &Value) -> String {
    let rows: Vec<_> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            ["position", "event_type", "attempts", "at", "error"]
                .map(|name| output::plain(&it[name]))
                .to_vec()
        })
        .collect();
    output::table(&["POSITION", "EVENT", "ATTEMPTS", "AT", "ERROR"], &rows)
}

/// One attempt: a receiver that does not take it is a failure of the command.
fn attempted(it: &Value, as_json: bool) -> Outcome {
    output::either(as_json, it, |it| match it["delivered"].as_bool() {
        Some(true) => format!("delivered: {}", output::plain(&it["status"])),
        _ => "not delivered".to_owned(),
    })?;
    match it["error"].as_str() {
        None => Ok(()),
        Some(error) => Err(Failure::new(Kind::Refused, error)),
    }
}
