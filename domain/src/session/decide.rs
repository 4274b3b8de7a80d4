//! Session decisions.

use std::collections::BTreeSet;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::state::SessionState;
use super::{
    AttemptFailure, DeviceInfo, FailureReason, NewSession, ParticipantStatus, Report, Session,
    SessionCommand, SessionError, SessionEvent, SessionKind, SessionStatus, token_hash,
};
use crate::Timestamp;
use crate::decider::Decider;
use crate::ids::PartyId;
use crate::intent::{Action, VerifiedIntent};
use crate::receipt::{self, Receipt, ReceiptError, Statement};
use crate::roster::well_formed;
use crate::signature::Signature;

type Decided = Result<Vec<SessionEvent>, SessionError>;

impl Decider for Session {
    const TYPE: &'static str = "session";
    type Command = SessionCommand;
    type Event = SessionEvent;
    type Error = SessionError;

    fn decide(&self, command: SessionCommand) -> Decided {
        if let SessionCommand::Create(new) = command {
            return self.create(new);
        }
        let state = self.created.as_ref().ok_or(SessionError::NotFound)?;
        match command {
            SessionCommand::Create(_) => Err(SessionError::AlreadyCreated),
            SessionCommand::Join {
                party,
                token,
                device,
                ready,
                now,
            } => state.join(party, &token, device, ready, now),
            SessionCommand::Report {
                party,
                attempt,
                report,
            } => state.report(party, attempt, &report),
            SessionCommand::Abort {
                party,
                attempt,
                reason,
                culprits,
                detail,
                available,
                banned,
            } => {
                state.running_signer(&party, attempt)?;
                // Only the rounds show silence and cheating.
                let of_rounds = matches!(
                    reason,
                    AttemptFailure::Silence { .. } | AttemptFailure::Cheating
                );
                if of_rounds && state.status != SessionStatus::InProgress {
                    return Err(SessionError::Status(state.status));
                }
                state.fail_attempt(super::attempt::Failure {
                    reason,
                    culprits,
                    reporter: Some(party),
                    detail,
                    available,
                    banned,
                })
            }
            SessionCommand::AttemptTimedOut {
                attempt,
                available,
                banned,
            } => state.time_out(attempt, available, banned),
            SessionCommand::Expire { now } => state.expire(now),
            SessionCommand::Cancel(intent) => state.cancel(*intent),
        }
    }

    fn evolve(&mut self, event: &SessionEvent) {
        super::evolve::evolve(self, event);
    }
}

impl Session {
    fn create(&self, new: Box<NewSession>) -> Decided {
        if self.created.is_some() {
            return Err(SessionError::AlreadyCreated);
        }
        let parties = usize::from(new.quorum.parties());
        let indexed = well_formed(new.participants.iter().map(|invitee| &invitee.member));
        let signers: BTreeSet<_> = new.signers.iter().collect();
        let malformed = if new.participants.len() != parties || !indexed {
            Some("participants are not indexed 1 to n, each party once")
        } else if signers.len() != new.signers.len() {
            Some("a signer is named twice")
        } else if new.signers.len() != new.attendance() {
            Some("the number of signers does not fit the kind and quorum")
        } else if new.signers.iter().any(|party| !new.invites(party)) {
            Some("a signer is not a participant")
        } else if new.sign.is_some() != (new.kind == SessionKind::Sign) {
            Some("a sign session, and no other, has a sign request")
        } else if new.max_attempts == 0 {
            Some("there must be at least one attempt")
        } else {
            None
        };
        match malformed {
            Some(what) => Err(SessionError::Malformed(what)),
            None => Ok(vec![SessionEvent::SessionCreated { session: new }]),
        }
    }
}

impl NewSession {
    /// How many parties take part in an attempt: the threshold in signing, all
    /// in everything else.
    #[must_use]
    pub fn attendance(&self) -> usize {
        usize::from(match self.kind {
            SessionKind::Sign => self.quorum.threshold(),
            SessionKind::Keygen | SessionKind::Refresh | SessionKind::Recover => {
                self.quorum.parties()
            }
        })
    }

    fn invites(&self, party: &PartyId) -> bool {
        self.participants
            .iter()
            .any(|invitee| invitee.member.identity.party == *party)
    }
}

impl SessionState {
    fn join(
        &self,
        party: PartyId,
        token: &Zeroizing<[u8; 32]>,
        device: DeviceInfo,
        ready: bool,
        now: Timestamp,
    ) -> Decided {
        let invitee = self
            .asked
            .participants
            .iter()
            .find(|invitee| invitee.member.identity.party == party)
            .ok_or_else(|| SessionError::NotInvited(party.clone()))?;
        let offered = token_hash(token);
        if !bool::from(offered.0.ct_eq(&invitee.token_hash.0)) {
            return Err(SessionError::Token(party));
        }
        if self.status.is_final() {
            return Err(SessionError::Status(self.status));
        }
        if now >= self.asked.expires_at {
            return Err(SessionError::Expired(self.asked.expires_at));
        }
        if !self.signers.contains(&party) {
            return Err(SessionError::NotSelected(party));
        }
        let status = self.participants.get(&party).map(|p| p.status);
        let (join, get_ready) = match status {
            Some(ParticipantStatus::Invited) => (true, ready),
            Some(ParticipantStatus::Joined) => (false, ready),
            // A repeated join of the same party: it missed the answer.
            _ => (false, false),
        };
        let mut events = vec![];
        if join {
            let party = party.clone();
            events.push(SessionEvent::ParticipantJoined { party, device });
        }
        if get_ready {
            let last = self.unready().all(|other| *other == party);
            events.push(SessionEvent::ParticipantReady { party });
            if last {
                events.push(self.start());
            }
        }
        Ok(events)
    }

    /// The event that starts the attempt that comes next.
    pub(super) fn start(&self) -> SessionEvent {
        SessionEvent::SessionStarted {
            attempt: self.attempt,
            signers: self.signers.clone(),
        }
    }

    /// Checks that `party` is a signer of the attempt that runs or comes next.
    pub(super) fn running_signer(&self, party: &PartyId, attempt: u32) -> Result<(), SessionError> {
        if self.status.is_final() {
            return Err(SessionError::Status(self.status));
        }
        if attempt != self.attempt {
            return Err(SessionError::Attempt {
                asked: attempt,
                running: self.attempt,
            });
        }
        if !self.participants.contains_key(party) {
            return Err(SessionError::NotInvited(party.clone()));
        }
        if !self.signers.contains(party) {
            return Err(SessionError::NotSelected(party.clone()));
        }
        Ok(())
    }

    fn report(&self, party: PartyId, attempt: u32, report: &Report) -> Decided {
        // The second signer of a signature that is there already.
        if self.status == SessionStatus::Completed && self.participants.contains_key(&party) {
            return Ok(vec![]);
        }
        self.running_signer(&party, attempt)?;
        if self.status != SessionStatus::InProgress {
            return Err(SessionError::Status(self.status));
        }
        match (self.asked.kind, report) {
            (SessionKind::Sign, Report::Signature { signature }) => {
                self.signed(party, attempt, *signature)
            }
            (SessionKind::Keygen, Report::Receipt { receipt }) => {
                self.received(party, attempt, receipt)
            }
            (SessionKind::Sign, _) => Err(SessionError::ReportKind("sign")),
            _ => Err(SessionError::ReportKind("keygen")),
        }
    }

    fn signed(&self, party: PartyId, attempt: u32, signature: Signature) -> Decided {
        let Some(sign) = &self.asked.sign else {
            return Err(SessionError::ReportKind("keygen"));
        };
        signature.verify(&sign.digest, &sign.public_key)?;
        Ok(vec![
            SessionEvent::ParticipantReported {
                party,
                attempt,
                report: Report::Signature { signature },
            },
            SessionEvent::SessionCompleted {
                public_key: sign.public_key,
                signature: Some(signature),
            },
        ])
    }

    fn received(&self, party: PartyId, attempt: u32, receipt: &str) -> Decided {
        let Some(participant) = self.participants.get(&party) else {
            return Err(SessionError::NotInvited(party));
        };
        if participant.report.is_some() {
            return Ok(vec![]);
        }
        let stated = Receipt::verify(receipt, &participant.member)?.statement;
        if stated.session != self.asked.session || stated.attempt != attempt {
            return Err(ReceiptError::Unexpected("session or attempt").into());
        }
        let report = Report::Receipt {
            receipt: receipt.to_owned(),
        };
        let mut done = self.clone();
        if let Some(p) = done.participants.get_mut(&party) {
            p.report = Some(report.clone());
        }
        let mut events = vec![SessionEvent::ParticipantReported {
            party,
            attempt,
            report,
        }];
        let receipts = done.receipts();
        if receipts.len() == self.participants.len() {
            let members: Vec<_> = self
                .asked
                .participants
                .iter()
                .map(|invitee| invitee.member.clone())
                .collect();
            let agreed = receipt::agree(&receipts, &members)
                .and_then(|statement| self.expected(&statement).map(|()| statement));
            events.push(match agreed {
                Ok(statement) => SessionEvent::SessionCompleted {
                    public_key: statement.public_key,
                    signature: None,
                },
                Err(error) => SessionEvent::SessionFailed {
                    reason: FailureReason::ReceiptsDisagree,
                    detail: error.to_string(),
                },
            });
        }
        Ok(events)
    }

    /// Checks that what the parties agree on is what was asked for. Without this
    /// a session could complete whose key then refuses to become active.
    fn expected(&self, stated: &Statement) -> Result<(), ReceiptError> {
        let asked = &self.asked;
        let fields = [
            ("key", stated.key == asked.key),
            ("account", stated.account == asked.account),
            ("engine", stated.engine == asked.engine),
            ("quorum", stated.quorum == asked.quorum),
            ("epoch", stated.epoch == asked.epoch),
            ("roster", stated.roster == asked.roster),
            ("auth_key", stated.auth_key == asked.auth_key),
        ];
        match fields.iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(ReceiptError::Unexpected(field)),
            None => Ok(()),
        }
    }

    fn expire(&self, now: Timestamp) -> Decided {
        if self.status.is_final() {
            return Ok(vec![]);
        }
        if now < self.asked.expires_at {
            return Err(SessionError::NotExpired(self.asked.expires_at));
        }
        Ok(vec![SessionEvent::SessionExpired {}])
    }

    fn cancel(&self, verified: VerifiedIntent) -> Decided {
        let intent = &verified.intent;
        if intent.account != self.asked.account {
            return Err(SessionError::NotFound);
        }
        let session = self.asked.session;
        if intent.action != (Action::Cancel { session }) {
            return Err(SessionError::WrongIntent);
        }
        if self.status.is_final() {
            return Err(SessionError::Status(self.status));
        }
        Ok(vec![SessionEvent::SessionCancelled {
            intent: verified.token,
        }])
    }
}
