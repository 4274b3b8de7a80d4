//! Failed attempts: who is left out, who comes in, or whether it is over.

use std::collections::BTreeSet;

use super::state::{Accusations, SessionState};
use super::{
    AttemptFailure, FailureReason, ParticipantStatus, SessionError, SessionEvent, SessionKind,
    SessionStatus, pick,
};
use crate::ids::PartyId;
use crate::key::ordered_pair;

/// The longest detail that is kept, in characters.
pub(super) const MAX_DETAIL: usize = 200;

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
        let culprits = self.culprits(&failure);
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
        let failed = SessionEvent::AttemptFailed {
            attempt: self.attempt,
            reason: failure.reason,
            culprits: culprits.clone(),
            reporter: failure.reporter.clone(),
            detail: detail.clone(),
            next: next.clone().unwrap_or_default(),
        };
        Ok(match next {
            Err(reason) => {
                let failure = Failure { detail, ..failure };
                let session = self.failed(&failure, &culprits, reason);
                vec![failed, session]
            }
            Ok(_) => {
                let start = self.restart(&failed);
                std::iter::once(failed).chain(start).collect()
            }
        })
    }

    /// The end of the session by a failed attempt, which `failure` says in words.
    pub(super) fn failed(
        &self,
        failure: &Failure,
        culprits: &[PartyId],
        reason: FailureReason,
    ) -> SessionEvent {
        let blamed = culprits
            .iter()
            .map(PartyId::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let mut words = format!("attempt {} failed: {}", self.attempt, failure.reason);
        for part in [&blamed, &failure.detail]
            .iter()
            .filter(|part| !part.is_empty())
        {
            words.push_str(" — ");
            words.push_str(part);
        }
        SessionEvent::SessionFailed {
            reason,
            detail: words,
        }
    }

    /// Whoever is ready stays ready; with all of them ready the next attempt starts
    /// at once.
    pub(super) fn restart(&self, failed: &SessionEvent) -> Option<SessionEvent> {
        let mut after = super::Session {
            created: Some(self.clone()),
        };
        super::evolve::evolve(&mut after, failed);
        let state = after.created.filter(SessionState::all_ready)?;
        Some(state.start())
    }

    /// Who is to blame. Only a signer of the attempt can be, each once; and who
    /// refuses can speak for nobody else.
    pub(super) fn culprits(&self, failure: &Failure) -> Vec<PartyId> {
        match (&failure.reporter, failure.reason) {
            (Some(reporter), AttemptFailure::Refused) => vec![reporter.clone()],
            _ => {
                let blamed = |party: &&PartyId| failure.culprits.contains(party);
                self.signers.iter().filter(blamed).cloned().collect()
            }
        }
    }

    /// Who takes part next. Who refuses is never asked again, who is blamed only
    /// if there is nobody else. An accusation is one party's word: it parts
    /// accuser and accused, and who is right shows with others.
    pub(super) fn next_signers(
        &self,
        failure: &Failure,
        culprits: &[PartyId],
    ) -> Result<Vec<PartyId>, FailureReason> {
        let refuses = failure.reason == AttemptFailure::Refused;
        let excluded = |party: &PartyId| {
            self.excluded.contains(party) || (refuses && culprits.contains(party))
        };
        if self.asked.kind != SessionKind::Sign {
            // Everyone's share is needed, and everyone's honesty.
            return if self.signers.iter().any(excluded) {
                Err(FailureReason::Refused)
            } else if failure.reason == AttemptFailure::Cheating {
                Err(FailureReason::NotEnoughParties)
            } else {
                Ok(self.signers.clone())
            };
        }
        let blamed = |party: &PartyId| {
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
            .filter(|p| !blamed(p))
            .for_each(&mut add);
        spares().filter(|p| !blamed(p)).for_each(&mut add);
        spares().for_each(&mut add);
        self.signers.iter().for_each(&mut add);
        let mut banned = failure.banned.clone();
        banned.extend(self.accusations.cheating.iter().cloned());
        let mut apart = self.accusations.silence.clone();
        let now = accusations(failure.reason, failure.reporter.as_ref(), culprits);
        banned.extend(now.cheating);
        apart.extend(now.silence);
        apart.extend(banned.iter().cloned());
        let count = self.asked.attendance();
        let mut next = pick(count, &candidates, &apart)
            .or_else(|| pick(count, &candidates, &banned))
            .ok_or(FailureReason::NotEnoughParties)?;
        next.sort_by_key(|party| self.participants.get(party).map(|p| p.member.index));
        Ok(next)
    }
}

/// The pairs that an accusation parts.
pub(super) fn accusations(
    reason: AttemptFailure,
    reporter: Option<&PartyId>,
    culprits: &[PartyId],
) -> Accusations {
    let mut parted = Accusations::default();
    let pairs = match reason {
        AttemptFailure::Cheating => &mut parted.cheating,
        AttemptFailure::Silence { .. } => &mut parted.silence,
        _ => return parted,
    };
    for culprit in culprits {
        if let Some(reporter) = reporter.filter(|reporter| *reporter != culprit) {
            pairs.insert(ordered_pair(reporter, culprit));
        }
    }
    parted
}
