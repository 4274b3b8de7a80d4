//! Parties that are played: they open invitations, join, and hand in results
//! that are real, made from the one key that the tests keep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_domain::bytes::Hex;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::receipt::{Receipt, Statement};
use countersign_domain::session::{
    NewSession, SessionEvent, SessionInvitation, SessionKind, Token,
};
use countersign_event_store::{Decoded, Decoder, Envelope};
use countersign_messaging::invitation::InvitationOpener;
use countersign_messaging::party_command::{
    AbortReason, DeviceInfo, PartyAction, PartyCommand, PartyReply,
};
use countersign_messaging::presence::{Heartbeat, roster_fingerprint};
use countersign_messaging::{Bus, IdentityKeys, subject};
use tokio::sync::watch;

use super::client::{group_public_key, group_signature};
use super::{TestClock, soon};

/// How a party behaves.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Joins and hands in what it should.
    Honest,
    /// Reads its invitations and does nothing.
    Absent,
    /// Joins, and says nothing in the rounds.
    Silent,
    /// Joins, and gives every attempt up in which the culprit takes part.
    Blames(PartyId, AbortReason),
    /// Joins, and states in its receipt that it pinned another auth key.
    OtherAuthKey,
}

/// A played party. Clones are the same party.
#[derive(Clone)]
pub(crate) struct Party(Arc<Inner>);

struct Inner {
    id: PartyId,
    keys: Arc<IdentityKeys>,
    bus: Arc<dyn Bus>,
    manner: Mutex<Manner>,
    invitations: watch::Sender<HashMap<SessionId, SessionInvitation>>,
    refusals: Mutex<Vec<PartyReply>>,
}

impl Party {
    pub(crate) fn new(id: PartyId, keys: IdentityKeys, bus: Arc<dyn Bus>) -> Self {
        Self(Arc::new(Inner {
            id,
            keys: Arc::new(keys),
            bus,
            manner: Mutex::new(Manner::Honest),
            invitations: watch::Sender::default(),
            refusals: Mutex::default(),
        }))
    }

    pub(crate) fn id(&self) -> &PartyId {
        &self.0.id
    }

    pub(crate) fn keys(&self) -> &IdentityKeys {
        &self.0.keys
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.0.manner.lock().expect("not poisoned") = manner;
    }

    fn manner(&self) -> Manner {
        self.0.manner.lock().expect("not poisoned").clone()
    }

    /// The answers that refused what it said by itself.
    pub(crate) fn refusals(&self) -> Vec<PartyReply> {
        self.0.refusals.lock().expect("not poisoned").clone()
    }

    /// Whether it was invited to a session so far.
    pub(crate) fn was_invited(&self, session: SessionId) -> bool {
        self.0.invitations.borrow().contains_key(&session)
    }

    /// Its invitation to a session, once it has come.
    pub(crate) async fn invitation(&self, session: SessionId) -> SessionInvitation {
        let mut invitations = self.0.invitations.subscribe();
        let there = invitations.wait_for(|all| all.contains_key(&session));
        let all = soon(there).await.expect("the sender lives");
        all[&session].clone()
    }

    /// A signed command of this party.
    pub(crate) fn command(&self, session: SessionId, attempt: u32, action: PartyAction) -> Vec<u8> {
        let command = PartyCommand {
            session,
            attempt,
            action,
        };
        command.sign(&self.0.id, &self.0.keys)
    }

    /// Sends a command over the bus.
    pub(crate) async fn tell(
        &self,
        session: SessionId,
        attempt: u32,
        action: PartyAction,
    ) -> PartyReply {
        let bytes = self.command(session, attempt, action);
        let patience = Duration::from_secs(60);
        let subject = subject::session_commands();
        let answered = self.0.bus.request(&subject, bytes.into(), patience);
        match answered.await {
            Ok(reply) => PartyReply::from_slice(&reply).expect("a reply"),
            // Whoever should have answered went away: said again by a real party.
            Err(error) => PartyReply::Refused {
                code: "unanswered".to_owned(),
                detail: error.to_string(),
                retry: true,
            },
        }
    }

    pub(crate) fn heartbeat(
        &self,
        roster: &countersign_domain::roster::Roster,
        now: countersign_domain::Timestamp,
    ) -> Vec<u8> {
        let heartbeat = Heartbeat {
            party: self.0.id.clone(),
            sent_at: now,
            started_at: TestClock::at(chrono::Duration::zero()),
            version: "1".to_owned(),
            engines: vec![],
            roster: roster_fingerprint(roster),
            running: 0,
        };
        heartbeat.sign(&self.0.keys)
    }

    /// Plays the party for as long as the test's runtime lives.
    pub(crate) async fn start(&self) {
        let bus = &self.0.bus;
        let mut invitations = bus
            .subscribe(&subject::invite(&self.0.id))
            .await
            .expect("it");
        let mut events = bus
            .subscribe(&subject::events_of("session"))
            .await
            .expect("it");
        let party = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    Some(message) = invitations.next() => party.invited(&message.payload),
                    Some(message) = events.next() => party.heard(&message.payload),
                    else => return,
                }
            }
        });
    }

    fn invited(&self, sealed: &[u8]) {
        let opener = InvitationOpener::new(Arc::clone(&self.0.keys));
        let text = opener.open(sealed).expect("sealed to this party");
        let invitation: SessionInvitation = serde_json::from_slice(&text).expect("an invitation");
        let (session, attempt) = (invitation.session.session, invitation.attempt);
        let join = join(&invitation.token);
        self.0.invitations.send_modify(|all| {
            all.insert(session, invitation);
        });
        if !matches!(self.manner(), Manner::Absent) {
            self.say(session, attempt, join);
        }
    }

    fn heard(&self, event: &[u8]) {
        let envelope: Envelope = serde_json::from_slice(event).expect("an event");
        let decoded = Decoder::default().decode(&envelope).expect("a known event");
        let Decoded::Session(session, event) = decoded else {
            return;
        };
        let SessionEvent::SessionStarted { attempt, signers } = *event else {
            return;
        };
        let invitation = self.0.invitations.borrow().get(&session).cloned();
        if let Some(invitation) = invitation
            && signers.contains(&self.0.id)
            && let Some(action) = self.result(&invitation.session, attempt, &signers)
        {
            self.say(session, attempt, action);
        }
    }

    /// What this party hands in for an attempt.
    fn result(&self, asked: &NewSession, attempt: u32, signers: &[PartyId]) -> Option<PartyAction> {
        let mut statement = statement(asked, attempt);
        match self.manner() {
            Manner::Absent | Manner::Silent => return None,
            Manner::Blames(culprit, reason) if signers.contains(&culprit) => {
                return Some(PartyAction::Abort {
                    reason,
                    culprits: vec![culprit],
                    detail: "as told".to_owned(),
                });
            }
            Manner::OtherAuthKey => {
                let other = Hex([0x0f; 32]).to_string();
                statement.auth_key = serde_json::from_value(other.into()).expect("a text");
            }
            Manner::Honest | Manner::Blames(..) => {}
        }
        Some(match &asked.sign {
            Some(_) => self.signature(asked),
            None => self.receipt(asked, statement),
        })
    }

    pub(crate) fn receipt(&self, asked: &NewSession, statement: Statement) -> PartyAction {
        assert_eq!(asked.kind, SessionKind::Keygen);
        let members = asked.participants.iter().map(|invitee| &invitee.member);
        let own = members.clone().find(|m| m.identity.party == self.0.id);
        let receipt = Receipt {
            party: self.0.id.clone(),
            index: own.expect("a member").index,
            statement,
        };
        PartyAction::Receipt {
            receipt: receipt.sign(&self.0.keys.sign).expect("a receipt"),
        }
    }

    /// The signature that a session asks for.
    pub(crate) fn signature(&self, asked: &NewSession) -> PartyAction {
        let sign = asked.sign.as_ref().expect("a sign session");
        group_signature(&sign.digest).into()
    }

    fn say(&self, session: SessionId, attempt: u32, action: PartyAction) {
        let party = self.clone();
        tokio::spawn(async move {
            let reply = party.tell(session, attempt, action).await;
            if matches!(reply, PartyReply::Refused { .. }) {
                party.0.refusals.lock().expect("not poisoned").push(reply);
            }
        });
    }
}

/// How a party joins by its token.
pub(crate) fn join(token: &Token) -> PartyAction {
    PartyAction::Join {
        token: Hex(*token.0).to_string(),
        device: DeviceInfo {
            name: "played".to_owned(),
            version: "1".to_owned(),
        },
        ready: true,
    }
}

/// What every honest party of a key generation states.
pub(crate) fn statement(asked: &NewSession, attempt: u32) -> Statement {
    Statement {
        key: asked.key,
        session: asked.session,
        attempt,
        account: asked.account,
        engine: asked.engine,
        quorum: asked.quorum,
        epoch: asked.epoch,
        roster: asked.roster,
        public_key: group_public_key(),
        chain_code: Hex([0xcc; 32]),
        auth_key: asked.auth_key.clone(),
        broadcasts: Hex([0xbc; 32]),
    }
}
