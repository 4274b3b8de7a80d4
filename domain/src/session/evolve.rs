//! Folding session events.

use super::attempt::accusations;
use super::state::{Participant, SessionState};
use super::{AttemptFailure, ParticipantStatus, Session, SessionEvent, SessionStatus};
use crate::ids::PartyId;

pub(super) fn evolve(session: &mut Session, event: &SessionEvent) {
    let Some(state) = session.created.as_mut() else {
        if let SessionEvent::SessionCreated { session: asked } = event {
            session.created = Some(SessionState::new(asked));
        }
        return;
    };
    // What has ended never changes again.
    if state.status.is_final() {
        return;
    }
    match event {
        SessionEvent::SessionCreated { .. } => {}
        SessionEvent::ParticipantJoined { party, .. } => {
            let joined = state.advance(party, ParticipantStatus::Joined);
            if joined && state.status == SessionStatus::Created {
                state.become_status(SessionStatus::Waiting);
            }
        }
        SessionEvent::ParticipantReady { party } => {
            // From computing only the end of the attempt leads back to ready.
            if state.status_of(party) == Some(ParticipantStatus::Joined) {
                state.advance(party, ParticipantStatus::Ready);
            }
        }
        SessionEvent::SessionStarted { attempt, signers } => {
            if *attempt == state.attempt && state.become_status(SessionStatus::InProgress) {
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
            reporter,
            ..
        } => {
            if *attempt != state.attempt {
                return;
            }
            state.end_attempt(*reason, culprits, next);
            let parted = accusations(*reason, reporter.as_ref(), culprits);
            state.accusations.cheating.extend(parted.cheating);
            state.accusations.silence.extend(parted.silence);
            if !next.is_empty() {
                state.attempt = attempt.saturating_add(1);
                state.signers.clone_from(next);
                // From created there is no way back: nobody has joined yet.
                if state.status == SessionStatus::InProgress {
                    state.become_status(SessionStatus::Waiting);
                }
            }
        }
        SessionEvent::ParticipantReported {
            party,
            attempt,
            report,
        } => {
            if *attempt == state.attempt
                && state.advance(party, ParticipantStatus::Completed)
                && let Some(participant) = state.participants.get_mut(party)
            {
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
            accusations: Default::default(),
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

    fn advance(&mut self, party: &PartyId, next: ParticipantStatus) -> bool {
        match self.participants.get_mut(party) {
            Some(participant) if participant.status.may_become(next) => {
                participant.status = next;
                true
            }
            _ => false,
        }
    }

    fn status_of(&self, party: &PartyId) -> Option<ParticipantStatus> {
        self.participants.get(party).map(|p| p.status)
    }

    fn end_attempt(&mut self, reason: AttemptFailure, culprits: &[PartyId], next: &[PartyId]) {
        // When nobody said anything, nobody may be there any more: all of them
        // have to show up again.
        let all_again = reason == AttemptFailure::Timeout;
        let signers = self.signers.clone();
        for party in signers.iter().chain(next) {
            let asked_again = next.contains(party);
            let blamed = culprits.contains(party);
            let excluded_before = self.status_of(party) == Some(ParticipantStatus::Excluded);
            let to = match (blamed, asked_again) {
                (true, false) => ParticipantStatus::Excluded,
                (true, true) => ParticipantStatus::Invited,
                (false, true) if excluded_before => ParticipantStatus::Invited,
                (false, _) if all_again => ParticipantStatus::Invited,
                (false, _) => ParticipantStatus::Ready,
            };
            // Only who was computing goes back to ready.
            let was_computing = matches!(
                self.status_of(party),
                Some(ParticipantStatus::Computing | ParticipantStatus::Completed)
            );
            if to != ParticipantStatus::Ready || was_computing {
                self.advance(party, to);
            }
            if let Some(participant) = self.participants.get_mut(party) {
                participant.report = None;
            }
        }
        if reason == AttemptFailure::Refused {
            self.excluded.extend(culprits.iter().cloned());
        }
    }
}
