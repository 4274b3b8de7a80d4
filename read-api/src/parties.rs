//! `GET /v1/parties`

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use countersign_domain::Timestamp;
use countersign_domain::engine::EngineId;
use countersign_domain::roster::PartyIdentity;
use countersign_messaging::presence::PartyPresence;
use serde::Serialize;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::Query;

/// A party of the roster, and what is known of it.
#[derive(Serialize)]
struct Party<'a> {
    #[serde(flatten)]
    identity: &'a PartyIdentity,
    present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    engines: Vec<EngineId>,
    running: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    roster_matches: Option<bool>,
}

/// The parties of the roster, in its order, and who of them is there.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let known = api.presence.snapshot((api.clock)());
    let mut known: HashMap<_, _> = known.into_iter().map(|p| (p.party.clone(), p)).collect();
    let parties = api.roster.parties().iter();
    let parties = parties.map(|identity| Party::new(identity, known.remove(&identity.party)));
    Answer::all(position, parties.collect())
}

impl<'a> Party<'a> {
    fn new(identity: &'a PartyIdentity, known: Option<PartyPresence>) -> Self {
        let Some(known) = known else {
            return Self {
                identity,
                present: false,
                last_seen: None,
                started_at: None,
                version: None,
                engines: vec![],
                running: 0,
                roster_matches: None,
            };
        };
        Self {
            identity,
            present: known.present,
            last_seen: known.last_seen,
            started_at: known.started_at,
            version: known.version,
            engines: known.engines,
            running: known.running,
            roster_matches: known.roster_matches,
        }
    }
}
