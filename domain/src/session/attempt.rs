//! Failed attempts: who is left out, who comes in, or whether it is over.

use std::collections::BTreeSet;

use super::state::SessionState;
use super::{
    AttemptFailure, FailureReason, ParticipantStatus, SessionError, SessionEvent, SessionKind,
    SessionStatus, pick,
};
use crate::ids::PartyId;

/// The longest detail that is kept, in characters.
const MAX_DETAIL: usize = 200;

/// How an attempt failed, and who could take part in the next.
pub(super) struct Failure {
    pub(super) reason: AttemptFailure,
    pub(super) culprits: Vec<PartyId>,
    pub(super) reporter: Option<PartyId>,
    pub(super) detail: String,
    pub(super) available: Vec<PartyId>,
    pub(super) banned: BTreeSet<(PartyId, PartyId)>,
}

impl SessionState {
    pub(super) fn time_out(
        &self,
        attempt: u32,
        available: Vec<PartyId>,
        banned: BTreeSet<(PartyId, PartyId)>,
    ) -> Result<Vec<SessionEvent>, SessionError> {
        // Another replica, or a result, was faster.
        if self.status.is_final() || attempt != self.attempt {
            return Ok(vec![]);
        }
        let (reason, culprits) = if self.status == SessionStatus::InProgress {
            (AttemptFailure::Timeout, vec![])
        } else {
            (AttemptFailure::NotReady, self.unready().cloned().collect())
        };
        self.fail_attempt(Failure {
            reason,
            culprits,
            reporter: None,
            detail: String::new(),
            available,
            banned,
        })
    }

    pub(super) fn fail_attempt(&self, failure: Failure) -> Result<Vec<SessionEvent>, SessionError> {
        let known = |party: &PartyId| self.participants.contains_key(party);
        let culprits: Vec<_> = failure
            .culprits
            .iter()
            .filter(|p| known(p))
            .cloned()
            .collect();
        let detail: String = failure
            .detail
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_DETAIL)
            .collect();
        let next = if self.attempt >= self.asked.max_attempts {
            Err(FailureReason::AttemptsExhausted)
        } else {
            self.next_signers(&failure, &culprits)
        };
        let blamed = culprits
            .iter()
            .map(PartyId::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let failed = SessionEvent::AttemptFailed {
            attempt: self.attempt,
            reason: failure.reason,
            culprits,
            reporter: failure.reporter,
            detail: detail.clone(),
            next: next.clone().unwrap_or_default(),
        };
        Ok(match next {
            Err(reason) => {
                let mut words = format!("attempt {} failed: {}", self.attempt, failure.reason);
                for part in [blamed, detail].iter().filter(|part| !part.is_empty()) {
                    words.push_str(" — ");
                    words.push_str(part);
                }
                vec![
                    failed,
                    SessionEvent::SessionFailed {
                        reason,
                        detail: words,
                    },
                ]
            }
            Ok(_) => {
                // Whoever is ready stays ready; with all of them ready the next
                // attempt starts at once.
                let mut after = super::Session {
                    created: Some(self.clone()),
                };
                super::evolve::evolve(&mut after, &failed);
                match after.created {
                    Some(state) if state.all_ready() => vec![failed, state.start()],
                    _ => vec![failed],
                }
            }
        })
    }

    /// Who takes part next. Cheats and refusers never again; those who were
    /// merely silent again only if there is nobody else.
    fn next_signers(
        &self,
        failure: &Failure,
        culprits: &[PartyId],
    ) -> Result<Vec<PartyId>, FailureReason> {
        let for_good = never_again(failure.reason);
        let excluded = |party: &PartyId| {
            self.excluded.contains(party) || (for_good && culprits.contains(party))
        };
        if self.asked.kind != SessionKind::Sign {
            // Everyone's share is needed.
            return if self.signers.iter().any(excluded) {
                Err(match failure.reason {
                    AttemptFailure::Refused => FailureReason::Refused,
                    _ => FailureReason::NotEnoughParties,
                })
            } else {
                Ok(self.signers.clone())
            };
        }
        let silent = |party: &PartyId| {
            culprits.contains(party)
                || self
                    .participants
                    .get(party)
                    .is_some_and(|p| p.status == ParticipantStatus::Excluded)
        };
        let mut candidates: Vec<PartyId> = vec![];
        let mut add = |party: &PartyId| {
            let known = self.participants.contains_key(party);
            if known && !excluded(party) && !candidates.contains(party) {
                candidates.push(party.clone());
            }
        };
        let spares = || failure.available.iter();
        self.signers
            .iter()
            .filter(|p| !silent(p))
            .for_each(&mut add);
        spares().filter(|p| !silent(p)).for_each(&mut add);
        spares().for_each(&mut add);
        self.signers.iter().for_each(&mut add);
        let mut banned = failure.banned.clone();
        if let (AttemptFailure::Cheating, Some(reporter)) = (failure.reason, &failure.reporter) {
            for culprit in culprits {
                banned.insert(crate::key::ordered_pair(reporter, culprit));
            }
        }
        let mut next = pick(self.asked.attendance(), &candidates, &banned)
            .ok_or(FailureReason::NotEnoughParties)?;
        next.sort_by_key(|party| self.participants.get(party).map(|p| p.member.index));
        Ok(next)
    }
}

/// Whether whoever is blamed for this is never asked again in the session.
pub(super) fn never_again(reason: AttemptFailure) -> bool {
    matches!(reason, AttemptFailure::Cheating | AttemptFailure::Refused)
}
