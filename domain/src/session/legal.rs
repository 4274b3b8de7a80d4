//! Which event may come next in a session: the rules of [`super::decide`] read
//! backwards, for those who check a history that others recorded.
//!
//! Not known to a reader are the tokens that parties joined with, and who was
//! present when the next signers were chosen. All else follows from the events.

use std::collections::BTreeSet;

use super::attempt::{self, Failure, MAX_DETAIL};
use super::state::SessionState;
use super::{
    AttemptFailure, FailureReason, ParticipantStatus, Report, Session, SessionCommand,
    SessionError, SessionEvent, SessionKind, SessionStatus,
};
use crate::Timestamp;
use crate::decider::{Decider as _, StoredEvent as _};
use crate::ids::PartyId;
use crate::intent::CLOCK_SKEW;
use crate::key::ordered_pair;

/// Why an event cannot be the next of a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalEvent {
    /// No command could have led to it in this state.
    #[error(transparent)]
    Refused(#[from] SessionError),
    /// It only ever comes together with the event that brings it about.
    #[error("{0} does not follow from the events before it")]
    Unfounded(&'static str),
    /// The participant is not as far as the event says.
    #[error("party `{party}` is {status}: {event} cannot follow")]
    Participant {
        /// Who.
        party: PartyId,
        /// How far it is.
        status: ParticipantStatus,
        /// The event.
        event: &'static str,
    },
    /// A field of a failed attempt is not what it would have been.
    #[error("the failed attempt has the wrong {0}")]
    AttemptFailed(&'static str),
    /// A decision on these events would have been another.
    #[error("{0} is not what was decided")]
    Differs(&'static str),
}

impl Session {
    /// Checks that `event`, recorded at `at`, may come next, and returns the events
    /// that must come right after it. `banned` are the pairs that the key bans.
    ///
    /// Receipts are verified here. Left to the caller are what takes other keys: the
    /// intents of `SessionCreated` and `SessionCancelled`; and the one that takes
    /// time: the signature of `ParticipantReported`, by
    /// [`crate::signature::Signature::verify`].
    ///
    /// # Errors
    /// [`IllegalEvent`] names the first thing that is wrong.
    pub fn check_next(
        &self,
        event: &SessionEvent,
        at: Timestamp,
        banned: &BTreeSet<(PartyId, PartyId)>,
    ) -> Result<Vec<SessionEvent>, IllegalEvent> {
        let Some(state) = &self.created else {
            let SessionEvent::SessionCreated { session } = event else {
                return Err(SessionError::NotFound.into());
            };
            return self.check_decided(event, SessionCommand::Create(session.clone()));
        };
        if state.status.is_final() {
            return Err(SessionError::Status(state.status).into());
        }
        match event {
            SessionEvent::SessionCreated { .. } => Err(SessionError::AlreadyCreated.into()),
            SessionEvent::ParticipantJoined { party, .. } => {
                if at >= state.asked.expires_at + CLOCK_SKEW {
                    return Err(SessionError::Expired(state.asked.expires_at).into());
                }
                state.awaited(party, ParticipantStatus::Invited, event.name())?;
                Ok(vec![])
            }
            SessionEvent::ParticipantReady { party } => {
                state.awaited(party, ParticipantStatus::Joined, event.name())?;
                let last = state.unready().all(|other| other == party);
                Ok(last.then(|| state.start()).into_iter().collect())
            }
            SessionEvent::ParticipantReported {
                party,
                attempt,
                report,
            } => self.check_report(state, event, party, *attempt, report),
            SessionEvent::AttemptFailed { .. } => state.check_failure(event, banned),
            SessionEvent::SessionExpired {} => {
                let now = at + CLOCK_SKEW;
                self.check_decided(event, SessionCommand::Expire { now })
            }
            SessionEvent::SessionCancelled { .. } => Ok(vec![]),
            SessionEvent::SessionStarted { .. }
            | SessionEvent::SessionCompleted { .. }
            | SessionEvent::SessionFailed { .. } => Err(IllegalEvent::Unfounded(event.name())),
        }
    }

    /// Decides the command again; what else it decides must follow.
    fn check_decided(
        &self,
        event: &SessionEvent,
        command: SessionCommand,
    ) -> Result<Vec<SessionEvent>, IllegalEvent> {
        let mut decided = self.decide(command)?.into_iter();
        match decided.next() {
            Some(first) if first == *event => Ok(decided.collect()),
            _ => Err(IllegalEvent::Differs(event.name())),
        }
    }

    fn check_report(
        &self,
        state: &SessionState,
        event: &SessionEvent,
        party: &PartyId,
        attempt: u32,
        report: &Report,
    ) -> Result<Vec<SessionEvent>, IllegalEvent> {
        let (Some(sign), Report::Signature { signature }) = (&state.asked.sign, report) else {
            let command = SessionCommand::Report {
                party: party.clone(),
                attempt,
                report: report.clone(),
            };
            return self.check_decided(event, command);
        };
        state.running_signer(party, attempt)?;
        if state.status != SessionStatus::InProgress {
            return Err(SessionError::Status(state.status).into());
        }
        Ok(vec![SessionEvent::SessionCompleted {
            public_key: sign.public_key,
            signature: Some(*signature),
        }])
    }
}

impl SessionState {
    fn awaited(
        &self,
        party: &PartyId,
        expected: ParticipantStatus,
        event: &'static str,
    ) -> Result<(), IllegalEvent> {
        let status = match self.participants.get(party) {
            Some(participant) => participant.status,
            None => return Err(SessionError::NotInvited(party.clone()).into()),
        };
        if !self.signers.contains(party) {
            return Err(SessionError::NotSelected(party.clone()).into());
        }
        if status == expected {
            return Ok(());
        }
        Err(IllegalEvent::Participant {
            party: party.clone(),
            status,
            event,
        })
    }

    fn check_failure(
        &self,
        event: &SessionEvent,
        banned: &BTreeSet<(PartyId, PartyId)>,
    ) -> Result<Vec<SessionEvent>, IllegalEvent> {
        let SessionEvent::AttemptFailed {
            attempt,
            reason,
            culprits,
            reporter,
            detail,
            next,
        } = event
        else {
            return Err(IllegalEvent::Unfounded(event.name()));
        };
        let wrong = |what| Err(IllegalEvent::AttemptFailed(what));
        if *attempt != self.attempt {
            let (asked, running) = (*attempt, self.attempt);
            return Err(SessionError::Attempt { asked, running }.into());
        }
        let running = self.status == SessionStatus::InProgress;
        match reporter {
            // The coordinator's own deadline.
            None => {
                let (expected, unready) = if running {
                    (AttemptFailure::Timeout, vec![])
                } else {
                    (AttemptFailure::NotReady, self.unready().cloned().collect())
                };
                if *reason != expected {
                    return wrong("reason");
                }
                if *culprits != unready {
                    return wrong("culprits");
                }
            }
            Some(reporter) => {
                self.running_signer(reporter, *attempt)?;
                let of_rounds = matches!(
                    reason,
                    AttemptFailure::Silence { .. } | AttemptFailure::Cheating
                );
                if of_rounds && !running {
                    return Err(SessionError::Status(self.status).into());
                }
            }
        }
        if detail.chars().any(char::is_control) || detail.chars().count() > MAX_DETAIL {
            return wrong("detail");
        }
        let failure = Failure {
            reason: *reason,
            culprits: culprits.clone(),
            reporter: reporter.clone(),
            detail: detail.clone(),
            available: vec![],
            banned: banned.clone(),
        };
        if self.culprits(&failure) != *culprits {
            return wrong("culprits");
        }
        match self.check_chosen(&failure, culprits, next) {
            None => return wrong("next signers"),
            Some(Err(reason)) => {
                let failed = self.failed(&failure, culprits, reason);
                return Ok(vec![failed]);
            }
            Some(Ok(())) => {}
        }
        Ok(self.restart(event).into_iter().collect())
    }

    /// Whether `next` can have been chosen; none if not. Who was present is not
    /// known, so others could have been chosen as well.
    fn check_chosen(
        &self,
        failure: &Failure,
        culprits: &[PartyId],
        next: &[PartyId],
    ) -> Option<Result<(), FailureReason>> {
        if self.attempt >= self.asked.max_attempts {
            return next
                .is_empty()
                .then_some(Err(FailureReason::AttemptsExhausted));
        }
        // With nobody else present: who is there was a candidate in any case.
        let without_spares = self.next_signers(failure, culprits);
        if self.asked.kind != SessionKind::Sign {
            return match without_spares {
                Ok(expected) => (expected == next).then_some(Ok(())),
                Err(reason) => next.is_empty().then_some(Err(reason)),
            };
        }
        if next.is_empty() {
            return without_spares.err().map(Err);
        }
        let mut apart = failure.banned.clone();
        apart.extend(self.accusations.cheating.iter().cloned());
        let now = attempt::accusations(failure.reason, failure.reporter.as_ref(), culprits);
        apart.extend(now.cheating);
        let refuses = failure.reason == AttemptFailure::Refused;
        let index = |party: &PartyId| self.participants.get(party).map(|p| p.member.index);
        let indices: Vec<_> = next.iter().map(index).collect();
        let fits = next.len() == self.asked.attendance()
            && indices.iter().all(Option::is_some)
            && indices.is_sorted_by(|a, b| a < b)
            && !next.iter().any(|party| self.excluded.contains(party))
            && !(refuses && next.iter().any(|party| culprits.contains(party)))
            && !next.iter().any(|a| {
                let mut others = next.iter();
                others.any(|b| apart.contains(&ordered_pair(a, b)))
            });
        fits.then_some(Ok(()))
    }
}
