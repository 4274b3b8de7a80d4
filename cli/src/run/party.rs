//! `countersign party …`

use serde_json::Value;

use crate::args::PartyCommand;
use crate::client::Server;
use crate::failure::Outcome;
use crate::output;

pub(super) fn run(command: &PartyCommand, json: bool) -> Outcome {
    let PartyCommand::List { server } = command;
    let parties = Server::new(server).get("/v1/parties")?;
    output::either(json, &parties["items"], listed)
}

fn listed(parties: &Value) -> String {
    let rows: Vec<_> = parties
        .as_array()
        .into_iter()
        .flatten()
        .map(|party| {
            let present = party["present"] == true;
            let roster = match party["roster_matches"].as_bool() {
                Some(true) => "same",
                Some(false) => "DIFFERS",
                None => "-",
            };
            vec![
                output::plain(&party["party"]),
                if present { "present" } else { "away" }.to_owned(),
                party["running"]
                    .as_u64()
                    .map_or("-".to_owned(), |n| n.to_string()),
                party["version"].as_str().unwrap_or("-").to_owned(),
                roster.to_owned(),
                party["last_seen"].as_str().unwrap_or("never").to_owned(),
            ]
        })
        .collect();
    output::table(
        &[
            "PARTY",
            "PRESENCE",
            "RUNNING",
            "VERSION",
            "ROSTER",
            "LAST SEEN",
        ],
        &rows,
    )
}
