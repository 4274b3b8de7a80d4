//! `GET /v1/parties`

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use countersign_domain::Timestamp;
use countersign_domain::engine::EngineId;
use countersign_domain::roster::PartyIdentity;
use countersign_messaging::presence::PartyPresence;
use countersign_projections::PartyView;
use countersign_projections::parties::BlameView;
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
    record: Record,
}

/// What it has done in all the sessions of the log.
#[derive(Default, Serialize)]
struct Record {
    sessions_joined: u64,
    signatures: u64,
    attempts_blamed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_blame: Option<BlameView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_position: Option<u64>,
}

/// What is known of a party of the roster.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) identity: &'a PartyIdentity,
    pub(crate) presence: Option<PartyPresence>,
    pub(crate) record: Option<PartyView>,
}

/// The parties of the roster, in its order: who of them is there, and how they have
/// fared.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let parties = known(&api).await?.into_iter().map(Party::from);
    Answer::all(position, parties.collect())
}

/// What is known of each party of the roster, in its order.
pub(crate) async fn known(api: &ReadApi) -> Result<Vec<Known<'_>>, Problem> {
    let heard = api.presence.snapshot((api.clock)());
    let mut heard: HashMap<_, _> = heard.into_iter().map(|p| (p.party.clone(), p)).collect();
    let rows = api.models.parties().await?;
    let rows: HashMap<_, _> = rows
        .iter()
        .map(|row| (&row.view.party, &row.view))
        .collect();
    let parties = api.roster.parties().iter().map(|identity| Known {
        identity,
        presence: heard.remove(&identity.party),
        record: rows.get(&identity.party).map(|view| (*view).clone()),
    });
    Ok(parties.collect())
}

impl<'a> From<Known<'a>> for Party<'a> {
    fn from(it: Known<'a>) -> Self {
        let identity = it.identity;
        let record = it.record.as_ref().map(Record::from).unwrap_or_default();
        let Some(known) = it.presence else {
            return Self {
                identity,
                present: false,
                last_seen: None,
                started_at: None,
                version: None,
                engines: vec![],
                running: 0,
                roster_matches: None,
                record,
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
            record,
        }
    }
}

impl From<&PartyView> for Record {
    fn from(view: &PartyView) -> Self {
        Self {
            sessions_joined: view.sessions_joined,
            signatures: view.signatures,
            attempts_blamed: view.attempts_blamed,
            last_blame: view.last_blame.clone(),
            last_event_at: Some(view.last_event_at),
            last_event_position: Some(view.last_event_position),
        }
    }
}
