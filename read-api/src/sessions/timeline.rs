//! `GET /v1/sessions/{id}/timeline`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::SessionId;
use countersign_domain::session::Session;
use countersign_event_store::{Decoder, StreamId};
use countersign_messaging::progress::{PartyProgress, Phase};
use countersign_projections::timeline::{
    PhaseKind, SessionCourse, Step, StepAt, StepKind, course, milliseconds,
};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Id, Query};
use crate::visibility::visible;

/// More events than a session can have: 32 parties in all of its attempts.
const EVENTS: usize = 10_000;

/// The course of a session, from its events in the log, with what the parties told of
/// their rounds as far as this process has heard it.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<SessionId>,
    headers: HeaderMap,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let course = course_of(&api, id, &headers).await?;
    Answer::new(position, &course)
}

/// The course of a session, if whoever asks may see it.
pub(crate) async fn course_of(
    api: &ReadApi,
    id: SessionId,
    headers: &HeaderMap,
) -> Result<SessionCourse, Problem> {
    let stream = StreamId::new(Session::TYPE, id);
    let events = api.log.read_stream(&stream, 0, EVENTS).await?;
    let viewer = api.visibility.viewer(headers);
    let events = visible(&*viewer, &api.owners, events).await?;
    let events = Decoder::default().decode_all(events);
    let mut course = course(&events, (api.clock)()).ok_or_else(|| super::unknown(id))?;
    let heard = api.progress.steps(id);
    for phase in &mut course.phases {
        if phase.phase == PhaseKind::Rounds {
            phase.steps = steps(&heard, phase.attempt);
        }
    }
    Ok(course)
}

/// The steps of an attempt, in the order of the protocol.
fn steps(heard: &[PartyProgress], attempt: u32) -> Vec<Step> {
    let heard: Vec<_> = heard.iter().filter(|at| at.attempt == attempt).collect();
    let mut phases: Vec<_> = heard.iter().map(|at| at.phase).collect();
    phases.sort_unstable();
    phases.dedup();
    let steps = phases.into_iter().filter_map(|phase| step(&heard, phase));
    steps.collect()
}

fn step(heard: &[&PartyProgress], phase: Phase) -> Option<Step> {
    let (step, round) = match phase {
        Phase::Joined => return None,
        Phase::Round(round) => (StepKind::Round, Some(round)),
        Phase::Sealing => (StepKind::Sealing, None),
        Phase::Confirming => (StepKind::Confirming, None),
        Phase::Done => (StepKind::Done, None),
    };
    let mut parties = vec![];
    for at in heard.iter().filter(|at| at.phase == phase) {
        // A party's steps are heard in their order. By its own clock from one to the
        // next, whatever the clocks of others say.
        let next = heard
            .iter()
            .find(|next| next.party == at.party && next.phase > phase);
        parties.push(StepAt {
            party: at.party.as_str().into(),
            at: at.at,
            took_ms: next.map(|next| milliseconds(at.at, next.at)),
        });
    }
    parties.sort_by(|a, b| (a.at, &a.party).cmp(&(b.at, &b.party)));
    let last = parties.last().filter(|_| parties.len() > 1);
    let took = parties.iter().filter_map(|at| at.took_ms);
    Some(Step {
        step,
        round,
        from: parties.first()?.at,
        took_ms: took.reduce(f64::max),
        last: last.map(|at| at.party.clone()),
        parties,
    })
}
