//! Folding the events of a session into its course. What is awaited of whom follows
//! from the aggregate itself.

use countersign_domain::Timestamp;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::{
    ParticipantStatus, Session, SessionEvent, SessionKind, SessionState, SessionStatus,
};
use countersign_event_store::Recorded;

use super::view::milliseconds;
use super::{AttemptCourse, Awaited, AwaitedFor, AwaitedOutcome, Phase, PhaseKind, SessionCourse};
use crate::sessions::FailureView;
use crate::timeline::{entry, unknown_entry};
use crate::{Name, TimelineEntry};

/// A session as far as its events were taken.
pub(super) struct Fold {
    session: Session,
    course: SessionCourse,
}

impl Fold {
    /// Of a session that was just created.
    pub(super) fn new(id: SessionId, recorded: &Recorded, event: &SessionEvent) -> Option<Self> {
        let SessionEvent::SessionCreated { session: asked } = event else {
            return None;
        };
        let mut session = Session::default();
        session.evolve(event);
        let state = session.state()?.clone();
        let at = recorded.recorded_at;
        let course = SessionCourse {
            session_id: id,
            kind: asked.kind,
            account_id: asked.account,
            key_id: asked.key,
            status: state.status,
            threshold: asked.quorum.threshold(),
            parties: asked.quorum.parties(),
            created_at: at,
            ended_at: None,
            expires_at: asked.expires_at,
            took_ms: 0.0,
            attempts: vec![],
            phases: vec![],
            failure: None,
            entries: vec![entry(recorded, event)],
            position: recorded.position,
        };
        let mut fold = Self { session, course };
        fold.gather(&state, at);
        Some(fold)
    }

    /// A party joined: it is awaited for its word that it is ready, unless it had given it.
    fn joined(&mut self, state: &SessionState, party: &PartyId, at: Timestamp) {
        let awaited = self.came(party, AwaitedFor::Join, at);
        if awaited && status(state, party) == Some(ParticipantStatus::Joined) {
            self.wait_for(party, AwaitedFor::Ready, at);
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, recorded: &Recorded, event: &SessionEvent) {
        self.note(recorded.position, entry(recorded, event));
        let Some(before) = self.session.state().cloned() else {
            return;
        };
        if before.status.is_final() {
            return;
        }
        self.session.evolve(event);
        let Some(state) = self.session.state().cloned() else {
            return;
        };
        let at = recorded.recorded_at;
        self.course.status = state.status;
        match event {
            SessionEvent::ParticipantJoined { party, .. } => self.joined(&state, party, at),
            SessionEvent::ParticipantReady { party } => {
                self.came(party, AwaitedFor::Ready, at);
            }
            SessionEvent::SessionStarted { signers, .. }
                if before.status != state.status && state.status == SessionStatus::InProgress =>
            {
                self.close(AwaitedOutcome::NotNeeded, at);
                self.open(PhaseKind::Rounds, state.attempt, at);
                if let Some(attempt) = self.course.attempts.last_mut() {
                    attempt.signers = names(signers);
                    attempt.started_at = Some(at);
                }
            }
            SessionEvent::ParticipantReported { party, attempt, .. }
                if *attempt == state.attempt =>
            {
                self.reported(&state, party, at);
            }
            SessionEvent::AttemptFailed { attempt, next, .. } if *attempt == before.attempt => {
                self.attempt_failed(event, at);
                if !next.is_empty() {
                    self.gather(&state, at);
                }
            }
            SessionEvent::SessionFailed { reason, detail } => {
                self.course.failure = Some(FailureView {
                    reason: *reason,
                    detail: detail.as_str().into(),
                });
            }
            _ => {}
        }
        if state.status.is_final() {
            self.end(state.status, at);
        }
    }

    /// Passes an event that is not understood.
    pub(super) fn pass(&mut self, recorded: &Recorded) {
        self.note(recorded.position, unknown_entry(recorded));
    }

    /// The course as it looks at a time: what goes on has taken so long until then.
    pub(super) fn seen_at(mut self, now: Timestamp) -> SessionCourse {
        let course = &mut self.course;
        let took = |from, until: Option<_>| milliseconds(from, until.unwrap_or(now));
        course.took_ms = took(course.created_at, course.ended_at);
        for attempt in &mut course.attempts {
            attempt.took_ms = took(attempt.from, attempt.ended_at);
        }
        for phase in &mut course.phases {
            phase.took_ms = took(phase.from, phase.until);
            for awaited in &mut phase.awaited {
                awaited.took_ms = took(awaited.from, awaited.until);
            }
        }
        self.course
    }

    fn note(&mut self, position: u64, entry: TimelineEntry) {
        self.course.entries.push(entry);
        self.course.position = position;
    }

    /// An attempt begins: who is not ready is awaited.
    fn gather(&mut self, state: &SessionState, at: Timestamp) {
        self.course.attempts.push(AttemptCourse {
            attempt: state.attempt,
            signers: names(&state.signers),
            from: at,
            started_at: None,
            ended_at: None,
            took_ms: 0.0,
            reason: None,
            culprits: vec![],
            reporter: None,
            detail: None,
        });
        self.open(PhaseKind::Gathering, state.attempt, at);
        for party in &state.signers {
            match status(state, party) {
                Some(ParticipantStatus::Ready) => {}
                Some(ParticipantStatus::Joined) => self.wait_for(party, AwaitedFor::Ready, at),
                _ => self.wait_for(party, AwaitedFor::Join, at),
            }
        }
    }

    /// A result was handed in. One signature is the result; of a key generation, the
    /// others are awaited from the first one on.
    fn reported(&mut self, state: &SessionState, party: &PartyId, at: Timestamp) {
        if state.asked.kind == SessionKind::Sign {
            return;
        }
        let phase = self.course.phases.last().map(|phase| phase.phase);
        if phase == Some(PhaseKind::Rounds) {
            self.close(AwaitedOutcome::NotNeeded, at);
            self.open(PhaseKind::Results, state.attempt, at);
            for other in state.signers.iter().filter(|other| *other != party) {
                self.wait_for(other, AwaitedFor::Result, at);
            }
        } else {
            self.came(party, AwaitedFor::Result, at);
        }
    }

    fn attempt_failed(&mut self, event: &SessionEvent, at: Timestamp) {
        self.close(AwaitedOutcome::Missed, at);
        if let SessionEvent::AttemptFailed {
            reason,
            culprits,
            reporter,
            detail,
            ..
        } = event
            && let Some(attempt) = self.course.attempts.last_mut()
        {
            attempt.ended_at = Some(at);
            attempt.reason = Some(*reason);
            attempt.culprits = names(culprits);
            attempt.reporter = reporter.as_ref().map(name);
            attempt.detail = (!detail.is_empty()).then(|| detail.as_str().into());
        }
    }

    fn end(&mut self, status: SessionStatus, at: Timestamp) {
        self.course.ended_at = Some(at);
        self.close(
            match status {
                SessionStatus::Completed | SessionStatus::Cancelled => AwaitedOutcome::NotNeeded,
                _ => AwaitedOutcome::Missed,
            },
            at,
        );
        if let Some(attempt) = self.course.attempts.last_mut() {
            attempt.ended_at.get_or_insert(at);
        }
    }

    fn open(&mut self, phase: PhaseKind, attempt: u32, at: Timestamp) {
        self.course.phases.push(Phase {
            phase,
            attempt,
            from: at,
            until: None,
            took_ms: 0.0,
            awaited: vec![],
            steps: vec![],
        });
    }

    /// Ends the phase that goes on; `others` becomes of those who are still awaited. A
    /// phase that took no time and awaited nobody was none.
    fn close(&mut self, others: AwaitedOutcome, at: Timestamp) {
        let Some(phase) = self.course.phases.last_mut().filter(|p| p.until.is_none()) else {
            return;
        };
        phase.until = Some(at);
        let pending = |awaited: &&mut Awaited| awaited.outcome == AwaitedOutcome::Pending;
        for awaited in phase.awaited.iter_mut().filter(pending) {
            awaited.until = Some(at);
            awaited.outcome = others;
        }
        let empty = phase.awaited.is_empty() && phase.from == at;
        if empty && phase.phase == PhaseKind::Gathering {
            self.course.phases.pop();
        }
    }

    fn wait_for(&mut self, party: &PartyId, r#for: AwaitedFor, at: Timestamp) {
        if let Some(phase) = self.course.phases.last_mut() {
            phase.awaited.push(Awaited {
                party: name(party),
                r#for,
                from: at,
                until: None,
                took_ms: 0.0,
                outcome: AwaitedOutcome::Pending,
            });
        }
    }

    /// A party does what it is awaited for; whether it was.
    fn came(&mut self, party: &PartyId, r#for: AwaitedFor, at: Timestamp) -> bool {
        let Some(phase) = self.course.phases.last_mut().filter(|p| p.until.is_none()) else {
            return false;
        };
        let awaited = phase.awaited.iter_mut().find(|awaited| {
            &*awaited.party == party.as_str()
                && awaited.r#for == r#for
                && awaited.outcome == AwaitedOutcome::Pending
        });
        let Some(awaited) = awaited else {
            return false;
        };
        awaited.until = Some(at);
        awaited.outcome = AwaitedOutcome::Came;
        true
    }
}

fn status(state: &SessionState, party: &PartyId) -> Option<ParticipantStatus> {
    state.participants.get(party).map(|p| p.status)
}

fn name(party: &PartyId) -> Name {
    party.as_str().into()
}

fn names(parties: &[PartyId]) -> Vec<Name> {
    parties.iter().map(name).collect()
}
