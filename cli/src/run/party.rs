//! `countersign party …`

mod vault;

use serde_json::Value;

use crate::args::{PartyArgs, PartyCommand, ServerArgs};
use crate::client::Server;
use crate::failure::Outcome;
use crate::{output, role};

pub(super) fn run(args: &PartyArgs, json: bool) -> Outcome {
    match &args.command {
        None => role::party(&args.sources()),
        Some(PartyCommand::Init {
            vault,
            identity_out,
        }) => vault::init(vault, identity_out.as_deref(), json),
        Some(PartyCommand::Identity { vault }) => vault::identity(vault),
        Some(PartyCommand::List { server }) => list(server, json),
    }
}

fn list(server: &ServerArgs, json: bool) -> Outcome {
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
