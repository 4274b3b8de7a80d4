//! Folding session events into a row.

use countersign_domain::Timestamp;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::{
    NewSession, ParticipantStatus, Session, SessionEvent, SessionState, SessionStatus,
};
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

use super::view::{AttemptView, DeviceView, FailureView, ParticipantView, SessionView};
use crate::Name;
use crate::address::ethereum_address;

/// A row of the projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// What queries show.
    pub view: SessionView,
    /// The aggregate, as long as the session is open.
    pub(crate) open: Option<Box<Session>>,
}

impl SessionRow {
    pub(super) fn created(
        id: SessionId,
        recorded: &Recorded,
        event: &SessionEvent,
    ) -> Option<Self> {
        let SessionEvent::SessionCreated { session: asked } = event else {
            return None;
        };
        let mut session = Session::default();
        session.evolve(event);
        let state = session.state()?;
        Some(Self {
            view: SessionView::new(id, asked, state, recorded),
            open: Some(Box::new(session)),
        })
    }

    /// Whether nothing can happen to the session any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn advance(&mut self, recorded: &Recorded, event: &SessionEvent) {
        let Some(mut session) = self.open.take() else {
            return;
        };
        session.evolve(event);
        let Some(state) = session.state() else {
            return;
        };
        let at = recorded.recorded_at;
        let before = self.view.status;
        // The attempts first: they tell of the signers that the event replaces.
        self.view.note_attempt(before, state, event, at);
        self.view.note_participants(state, event, at);
        self.view.note_end(before, state, event, at);
        self.view.status = state.status;
        if is_another_attempt(state, event) {
            self.view.attempt = state.attempt;
        }
        let signers = state.signers.iter().map(PartyId::as_str);
        if !signers.eq(self.view.signers.iter().map(|name| &**name)) {
            self.view.signers = names(&state.signers);
        }
        self.view.position = recorded.position;
        if state.status.is_final() {
            self.view.shrink();
        } else {
            self.open = Some(session);
        }
    }
}

impl SessionView {
    fn new(id: SessionId, asked: &NewSession, state: &SessionState, recorded: &Recorded) -> Self {
        let participants = asked.participants.iter().map(|invitee| ParticipantView {
            party: name(&invitee.member.identity.party),
            index: invitee.member.index,
            status: ParticipantStatus::Invited,
            joined_at: None,
            device: None,
            completed_at: None,
        });
        let sign = asked.sign.as_ref();
        let public_key = sign.map(|sign| sign.public_key);
        Self {
            session_id: id,
            kind: asked.kind,
            account_id: asked.account,
            key_id: asked.key,
            engine: asked.engine,
            status: state.status,
            threshold: asked.quorum.threshold(),
            parties: asked.quorum.parties(),
            epoch: asked.epoch,
            attempt: state.attempt,
            max_attempts: asked.max_attempts,
            signers: names(&state.signers),
            participants: participants.collect(),
            attempts: vec![],
            digest: sign.map(|sign| sign.digest),
            path: sign.map(|sign| sign.path.clone()),
            hash: sign.and_then(|sign| sign.hash),
            public_key,
            ethereum_address: public_key.and_then(|key| ethereum_address(&key)),
            signature: None,
            failure: None,
            created_at: recorded.recorded_at,
            started_at: None,
            ended_at: None,
            expires_at: asked.expires_at,
            created_position: recorded.position,
            position: recorded.position,
        }
    }

    fn note_attempt(
        &mut self,
        before: SessionStatus,
        state: &SessionState,
        event: &SessionEvent,
        at: Timestamp,
    ) {
        match event {
            SessionEvent::SessionStarted { attempt, signers }
                if before != SessionStatus::InProgress
                    && state.status == SessionStatus::InProgress =>
            {
                self.started_at.get_or_insert(at);
                let started = self.attempt_mut(*attempt);
                started.signers = names(signers);
                started.started_at = Some(at);
            }
            SessionEvent::AttemptFailed {
                attempt,
                reason,
                culprits,
                reporter,
                detail,
                ..
            } => {
                let failed = self.attempt_mut(*attempt);
                failed.failed_at = Some(at);
                failed.reason = Some(*reason);
                failed.culprits = names(culprits);
                failed.reporter = reporter.as_ref().map(name);
                failed.detail = (!detail.is_empty()).then(|| detail.as_str().into());
            }
            _ => {}
        }
    }

    fn attempt_mut(&mut self, attempt: u32) -> &mut AttemptView {
        let place = self.attempts.iter().position(|a| a.attempt == attempt);
        let place = place.unwrap_or_else(|| {
            self.attempts.push(AttemptView {
                attempt,
                signers: self.signers.clone(),
                started_at: None,
                failed_at: None,
                reason: None,
                culprits: vec![],
                reporter: None,
                detail: None,
            });
            self.attempts.len() - 1
        });
        &mut self.attempts[place]
    }

    fn note_participants(&mut self, state: &SessionState, event: &SessionEvent, at: Timestamp) {
        for participant in state.participants.values() {
            let party = participant.member.identity.party.as_str();
            let shown = self.participants.iter_mut().find(|p| &*p.party == party);
            if let Some(shown) = shown
                && shown.status != participant.status
            {
                shown.turn(participant.status, event, at);
            }
        }
    }

    fn note_end(
        &mut self,
        before: SessionStatus,
        state: &SessionState,
        event: &SessionEvent,
        at: Timestamp,
    ) {
        if before.is_final() || !state.status.is_final() {
            return;
        }
        self.ended_at = Some(at);
        match event {
            SessionEvent::SessionCompleted { public_key, .. } => {
                self.signature = state.signature;
                if self.public_key != Some(*public_key) {
                    self.public_key = Some(*public_key);
                    self.ethereum_address = ethereum_address(public_key);
                }
            }
            SessionEvent::SessionFailed { reason, detail } => {
                self.failure = Some(FailureView {
                    reason: *reason,
                    detail: detail.as_str().into(),
                });
            }
            _ => {}
        }
    }

    fn shrink(&mut self) {
        self.signers.shrink_to_fit();
        self.participants.shrink_to_fit();
        self.attempts.shrink_to_fit();
    }
}

impl ParticipantView {
    fn turn(&mut self, status: ParticipantStatus, event: &SessionEvent, at: Timestamp) {
        self.status = status;
        self.completed_at = (status == ParticipantStatus::Completed).then_some(at);
        match (status, event) {
            (ParticipantStatus::Joined, SessionEvent::ParticipantJoined { device, .. }) => {
                self.joined_at = Some(at);
                self.device = Some(DeviceView {
                    name: device.name.as_str().into(),
                    version: device.version.as_str().into(),
                });
            }
            (ParticipantStatus::Invited, _) => {
                self.joined_at = None;
                self.device = None;
            }
            _ => {}
        }
    }
}

/// The aggregate counts on after every failed attempt, also when no other comes.
fn is_another_attempt(state: &SessionState, event: &SessionEvent) -> bool {
    let was_the_last = matches!(event, SessionEvent::AttemptFailed { next, .. } if next.is_empty());
    !was_the_last && !state.status.is_final()
}

fn name(party: &PartyId) -> Name {
    party.as_str().into()
}

fn names(parties: &[PartyId]) -> Vec<Name> {
    parties.iter().map(name).collect()
}
