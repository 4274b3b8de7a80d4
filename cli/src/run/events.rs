//! `countersign events`

mod follow;

use serde_json::Value;

use crate::args::EventsArgs;
use crate::client::Server;
use crate::failure::Outcome;
use crate::output;

/// How many events a page has.
const PAGE: u64 = 500;

pub(super) fn run(args: &EventsArgs, json: bool) -> Outcome {
    let server = Server::new(&args.server);
    if args.follow {
        return follow::run(&server, args, json);
    }
    let mut after = args.after;
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let limit = PAGE.min(left);
        let page = server.get(&format!("/v1/events?after={after}&limit={limit}"))?;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        for event in &events {
            show(event, json)?;
            after = event["position"].as_u64().unwrap_or(after);
        }
        left = left.saturating_sub(events.len() as u64);
        if events.is_empty() {
            break;
        }
    }
    Ok(())
}

fn show(event: &Value, json: bool) -> Outcome {
    if json {
        output::json(event)
    } else {
        output::line(&summary(event))
    }
}

/// One line about an event: where, when, what, of what, by whom.
pub(super) fn summary(event: &Value) -> String {
    let id = event["aggregate_id"].as_str().unwrap_or("?");
    let detail = detail(event);
    let time = event["recorded_at"].as_str().unwrap_or("?");
    let time = time.get(11..23).unwrap_or(time);
    let line = format!(
        "{:>6}  {time}  {:<8} {}  {:<20} {detail}",
        event["position"].as_u64().unwrap_or(0),
        output::plain(&event["aggregate_type"]),
        id.get(..8).unwrap_or(id),
        output::plain(&event["event_type"]),
    );
    line.trim_end().to_owned()
}

fn detail(event: &Value) -> String {
    let payload = &event["payload"];
    let text = |name: &str| output::plain(&payload[name]);
    match event["event_type"].as_str().unwrap_or_default() {
        "KeyRequested" => format!(
            "{}-of-{} {}",
            payload["quorum"]["threshold"],
            payload["quorum"]["parties"],
            text("engine")
        ),
        "KeyActivated" => text("public_key"),
        "SessionCreated" => text("kind"),
        "ParticipantJoined" | "ParticipantReady" | "ParticipantReported" => text("party"),
        "SessionStarted" => {
            let signers = payload["signers"].as_array().into_iter().flatten();
            let signers: Vec<_> = signers.map(output::plain).collect();
            format!("attempt {}: {}", payload["attempt"], signers.join(", "))
        }
        "AttemptFailed" => format!(
            "attempt {}: {}",
            payload["attempt"],
            output::plain(&payload["reason"]["kind"])
        ),
        "SessionFailed" => text("detail"),
        "KeyRetired" => text("reason"),
        _ => String::new(),
    }
}
