//! Folding session events.

use super::attempt::never_again;
use super::state::{Participant, SessionState};
use super::{ParticipantStatus, Session, SessionEvent, SessionStatus};
use crate::ids::PartyId;

pub(super) fn evolve(session: &mut Session, event: &SessionEvent) {
    let Some(state) = session.created.as_mut() else {
        if let SessionEvent::SessionCreated { session: asked } = event {
            session.created = Some(SessionState::new(asked));
        }
        return;
    };
    match event {
        SessionEvent::SessionCreated { .. } => {}
        SessionEvent::ParticipantJoined { party, .. } => {
            state.advance(party, ParticipantStatus::Joined);
            state.become_status(SessionStatus::Waiting);
        }
        SessionEvent::ParticipantReady { party } => state.advance(party, ParticipantStatus::Ready),
        SessionEvent::SessionStarted { attempt, signers } => {
            if state.become_status(SessionStatus::InProgress) {
                state.attempt = *attempt;
                state.signers.clone_from(signers);
                for party in signers {
                    state.advance(party, ParticipantStatus::Computing);
                }
            }
        }
        SessionEvent::AttemptFailed {
            attempt,
            reason,
            culprits,
            next,
            ..
        } => {
            if state.status.is_final() {
                return;
            }
            let for_good = never_again(*reason);
            state.end_attempt(culprits, next, for_good);
            state.attempt = attempt.saturating_add(1);
            if !next.is_empty() {
                state.signers.clone_from(next);
                // From created there is no way back: nobody has joined yet.
                state.become_status(SessionStatus::Waiting);
            }
        }
        SessionEvent::ParticipantReported { party, report, .. } => {
            state.advance(party, ParticipantStatus::Completed);
            if let Some(participant) = state.participants.get_mut(party) {
                participant.report = Some(report.clone());
            }
        }
        SessionEvent::SessionCompleted { signature, .. } => {
            if state.become_status(SessionStatus::Completed) {
                state.signature = *signature;
            }
        }
        SessionEvent::SessionFailed { .. } => {
            state.become_status(SessionStatus::Failed);
        }
        SessionEvent::SessionExpired {} => {
            state.become_status(SessionStatus::Expired);
        }
        SessionEvent::SessionCancelled { .. } => {
            state.become_status(SessionStatus::Cancelled);
        }
    }
}

impl SessionState {
    fn new(asked: &super::NewSession) -> Self {
        let participants = asked
            .participants
            .iter()
            .map(|invitee| {
                let participant = Participant {
                    member: invitee.member.clone(),
                    status: ParticipantStatus::Invited,
                    report: None,
                };
                (invitee.member.identity.party.clone(), participant)
            })
            .collect();
        Self {
            asked: asked.clone(),
            status: SessionStatus::Created,
            attempt: 1,
            signers: asked.signers.clone(),
            participants,
            excluded: Default::default(),
            signature: None,
        }
    }

    fn become_status(&mut self, next: SessionStatus) -> bool {
        let legal = self.status.may_become(next);
        if legal {
            self.status = next;
        }
        legal
    }

    fn advance(&mut self, party: &PartyId, next: ParticipantStatus) {
        if let Some(participant) = self.participants.get_mut(party)
            && participant.status.may_become(next)
        {
            participant.status = next;
        }
    }

    fn end_attempt(&mut self, culprits: &[PartyId], next: &[PartyId], for_good: bool) {
        let signers = self.signers.clone();
        for party in signers.iter().chain(next) {
            let asked_again = next.contains(party);
            let blamed = culprits.contains(party);
            let excluded_before = self
                .participants
                .get(party)
                .is_some_and(|p| p.status == ParticipantStatus::Excluded);
            let to = match (blamed, asked_again) {
                (true, false) => ParticipantStatus::Excluded,
                (true, true) => ParticipantStatus::Invited,
                (false, true) if excluded_before => ParticipantStatus::Invited,
                (false, _) => ParticipantStatus::Ready,
            };
            // Only who was computing goes back to ready.
            let was_computing = self.participants.get(party).is_some_and(|p| {
                matches!(
                    p.status,
                    ParticipantStatus::Computing | ParticipantStatus::Completed
                )
            });
            if to != ParticipantStatus::Ready || was_computing {
                self.advance(party, to);
            }
            if let Some(participant) = self.participants.get_mut(party) {
                participant.report = None;
            }
        }
        if for_good {
            self.excluded.extend(culprits.iter().cloned());
        }
    }
}
