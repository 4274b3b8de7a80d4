//! `countersign events --follow`: the event stream, taken up again where it was when
//! it ends or breaks.

use std::fmt::Write as _;
use std::io::BufReader;
use std::time::{Duration, Instant};

use crate::args::EventsArgs;
use crate::client::Server;
use crate::client::sse::messages;
use crate::failure::{Failure, Kind, Outcome};

/// How long to wait before the server is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a server that was there may be away.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(server: &Server, args: &EventsArgs, json: bool) -> Outcome {
    let path = path(args);
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut last = args.after;
    // The first time, a server that is not there is a wrong address.
    let mut heard: Option<Instant> = None;
    while left > 0 {
        let stream = match server.stream(&path, Some(last)) {
            Ok(stream) => stream,
            Err(failure) => {
                let away = heard.is_some_and(|heard| heard.elapsed() < PATIENCE);
                if !away || failure.kind != Kind::Unavailable {
                    return Err(failure);
                }
                std::thread::sleep(PAUSE);
                continue;
            }
        };
        for message in messages(BufReader::new(stream)) {
            // It broke off: the next begins after the last one that was whole.
            let Ok(message) = message else { break };
            heard = Some(Instant::now());
            if message.event.is_empty() {
                let event = serde_json::from_str(&message.data).map_err(|error| {
                    let said = format!("the server sent an event that is no JSON: {error}");
                    Failure::new(Kind::Unavailable, said)
                })?;
                super::show(&event, json)?;
                left -= 1;
            }
            last = message.id.unwrap_or(last);
            if left == 0 {
                return Ok(());
            }
        }
        heard.get_or_insert_with(Instant::now);
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn path(args: &EventsArgs) -> String {
    let mut query = String::new();
    let mut add = |name: &str, value: &dyn std::fmt::Display| {
        let sign = if query.is_empty() { '?' } else { '&' };
        // Nothing of this wants escaping. Writing to a string does not fail.
        let _ = write!(query, "{sign}{name}={value}");
    };
    args.types.iter().for_each(|name| add("type", name));
    args.account.iter().for_each(|id| add("account", id));
    args.key.iter().for_each(|id| add("key", id));
    args.session.iter().for_each(|id| add("session", id));
    format!("/v1/events/stream{query}")
}
