//! A coordinator in memory: the session aggregate decides, and its events go out
//! as the relay would publish them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use countersign_domain::decider::{Decider as _, StoredEvent as _};
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::{
    Report, Session, SessionCommand, SessionEvent, SessionInvitation,
};
use countersign_domain::signature::Signature;
use countersign_messaging::invitation::InvitationSealer;
use countersign_messaging::party_command::{PartyAction, PartyCommand, PartyReply};
use countersign_messaging::{Bus, Headers, subject};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::house::{House, NAMES, PATIENCE, party};
use crate::order::Order;

pub(crate) struct Coordinator {
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

struct Inner {
    bus: Arc<dyn Bus>,
    house: Facts,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct Facts {
    roster: Arc<countersign_domain::roster::Roster>,
    clock: countersign_messaging::Clock,
}

#[derive(Default)]
struct State {
    sessions: HashMap<SessionId, Session>,
    events: Vec<(SessionId, SessionEvent)>,
    commands: Vec<(PartyId, PartyCommand)>,
    /// Commands left unanswered before the next is taken.
    deaf: usize,
}

impl Coordinator {
    pub(crate) async fn start(house: &House) -> Self {
        let inner = Arc::new(Inner {
            bus: Arc::clone(&house.bus),
            house: Facts {
                roster: Arc::clone(&house.roster),
                clock: Arc::clone(&house.clock),
            },
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        });
        let subject = subject::session_commands();
        let mut requests = house.bus.serve(&subject, "commands").await.unwrap();
        let serving = Arc::clone(&inner);
        let serving = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Some(reply) = serving.handle(&request.payload).await {
                    request.reply(reply.to_payload());
                }
            }
        });
        Self { inner, serving }
    }

    /// Stops serving, so that another can take its place.
    pub(crate) async fn stop(self) {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
    }

    /// Leaves the next commands unanswered.
    pub(crate) fn be_deaf_to(&self, commands: usize) {
        self.inner.state.lock().unwrap().deaf = commands;
    }

    /// Creates a session without inviting anybody.
    pub(crate) fn create(&self, order: &Order) {
        let command = SessionCommand::Create(Box::new(order.session.clone()));
        self.inner.decide(order.id(), command).unwrap();
    }

    /// Creates a session and invites its signers.
    pub(crate) async fn open(&self, order: &Order) {
        self.create(order);
        for signer in &order.session.signers {
            self.invite(order.invitation(signer.as_str(), 1), signer.as_str())
                .await;
        }
    }

    pub(crate) async fn invite(&self, invitation: SessionInvitation, name: &str) {
        let json = serde_json::to_vec(&invitation).unwrap();
        let recipient = self.inner.house.roster.get(&party(name)).unwrap();
        let sealed = InvitationSealer::default().seal(recipient, &json).unwrap();
        let subject = subject::invite(&party(name));
        self.publish(&subject, sealed).await;
    }

    pub(crate) async fn publish(&self, subject: &str, payload: Vec<u8>) {
        self.inner
            .bus
            .publish(subject, payload.into(), Headers::default())
            .await
            .unwrap();
    }

    /// Publishes an event that no aggregate decided.
    pub(crate) async fn relay(&self, session: SessionId, event: &SessionEvent) {
        self.inner.relay(session, event).await;
    }

    /// Has the aggregate decide, and relays what it decides.
    pub(crate) async fn command(&self, session: SessionId, command: SessionCommand) {
        for event in self.inner.decide(session, command).unwrap() {
            self.inner.relay(session, &event).await;
        }
    }

    pub(crate) fn events(&self, session: SessionId) -> Vec<SessionEvent> {
        let state = self.inner.state.lock().unwrap();
        let of = state.events.iter().filter(|(of, _)| *of == session);
        of.map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn commands(&self) -> Vec<(PartyId, PartyCommand)> {
        self.inner.state.lock().unwrap().commands.clone()
    }

    /// Waits until `look` finds something.
    pub(crate) async fn wait<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut changes = self.inner.changed.subscribe();
        let found = async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => {
                let events = self.inner.state.lock().unwrap().events.clone();
                panic!(
                    "no {what}; events {events:#?}, commands {:#?}",
                    self.commands()
                )
            }
        }
    }

    /// Waits for an event of a session that `pick` takes.
    pub(crate) async fn event<T>(
        &self,
        session: SessionId,
        what: &str,
        pick: impl Fn(&SessionEvent) -> Option<T>,
    ) -> T {
        let look = |this: &Self| this.events(session).iter().find_map(&pick);
        self.wait(what, look).await
    }

    /// Waits for the signature of a session, and verifies it.
    pub(crate) async fn signature(&self, order: &Order) -> Signature {
        let signature = self
            .event(order.id(), "signature", |event| match event {
                SessionEvent::SessionCompleted { signature, .. } => *signature,
                SessionEvent::SessionFailed { detail, .. } => panic!("failed: {detail}"),
                _ => None,
            })
            .await;
        let asked = order.session.sign.as_ref().unwrap();
        signature.verify(&asked.digest, &asked.public_key).unwrap();
        signature
    }

    /// Waits for a party's abort.
    pub(crate) async fn abort(&self, name: &str) -> PartyAction {
        let look = |this: &Self| {
            this.commands().into_iter().find_map(|(from, command)| {
                let abort = matches!(command.action, PartyAction::Abort { .. });
                (abort && from == party(name)).then_some(command.action)
            })
        };
        self.wait("abort", look).await
    }
}

impl Inner {
    fn decide(&self, id: SessionId, command: SessionCommand) -> Result<Vec<SessionEvent>, String> {
        let mut state = self.state.lock().unwrap();
        let session = state.sessions.entry(id).or_default();
        let events = session.decide(command).map_err(|error| error.to_string())?;
        events.iter().for_each(|event| session.evolve(event));
        let of_session = events.iter().map(|event| (id, event.clone()));
        state.events.extend(of_session);
        drop(state);
        self.changed.send_replace(());
        Ok(events)
    }

    async fn relay(&self, session: SessionId, event: &SessionEvent) {
        let name = event.name();
        let envelope = json!({
            "position": 1,
            "aggregate_type": "session",
            "aggregate_id": session,
            "version": 1,
            "event_type": name,
            "event_version": 1,
            "payload": event,
            "recorded_at": (self.house.clock)(),
            "actor": "test",
        });
        let payload = serde_json::to_vec(&envelope).unwrap();
        self.bus
            .publish(
                &subject::events("session", name, session),
                payload.into(),
                Headers::default(),
            )
            .await
            .unwrap();
    }

    /// None leaves the party without an answer.
    async fn handle(&self, payload: &[u8]) -> Option<PartyReply> {
        let (from, command) = PartyCommand::open(payload, &self.house.roster).unwrap();
        let deaf = {
            let mut state = self.state.lock().unwrap();
            state.commands.push((from.clone(), command.clone()));
            let deaf = state.deaf > 0;
            state.deaf = state.deaf.saturating_sub(1);
            deaf
        };
        self.changed.send_replace(());
        if deaf {
            return None;
        }
        let session = command.session;
        match self.decide(session, self.to_domain(from, command)) {
            Ok(events) => {
                for event in &events {
                    self.relay(session, event).await;
                }
                Some(PartyReply::Accepted { position: 1 })
            }
            Err(detail) => Some(PartyReply::Refused {
                code: "refused".to_owned(),
                detail,
                retry: false,
            }),
        }
    }

    fn to_domain(&self, from: PartyId, command: PartyCommand) -> SessionCommand {
        let attempt = command.attempt;
        let report = |report| SessionCommand::Report {
            party: from.clone(),
            attempt,
            report,
        };
        match command.action {
            PartyAction::Join {
                token,
                device,
                ready,
            } => {
                let mut bytes = Zeroizing::new([0; 32]);
                hex::decode_to_slice(token, &mut *bytes).unwrap();
                SessionCommand::Join {
                    party: from,
                    token: bytes,
                    device,
                    ready,
                    now: (self.house.clock)(),
                }
            }
            PartyAction::Receipt { receipt } => report(Report::Receipt { receipt }),
            PartyAction::Signature { r, s, v } => report(Report::Signature {
                signature: Signature { r, s, v },
            }),
            PartyAction::Abort {
                reason,
                culprits,
                detail,
            } => SessionCommand::Abort {
                party: from,
                attempt,
                reason: reason.into(),
                culprits,
                detail,
                available: NAMES.map(party).to_vec(),
                banned: BTreeSet::new(),
            },
        }
    }
}
