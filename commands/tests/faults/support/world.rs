//! The deployment, and what tests do with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use countersign_commands::{Commands, CommandsConfig, RunError, SessionPolicy, router};
use countersign_domain::ids::{KeyId, PartyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::roster::Roster;
use countersign_domain::session::SessionEvent;
use countersign_event_store::{
    Append, Checkpoints, Decoded, Decoder, Envelope, EventLog, ExpectedVersion, HashKey, Leases,
    LocalLeases, Metadata, NewEvent, NoCheckpoints, SqliteLog, StreamAppend, StreamId, subscribe,
};
use countersign_messaging::presence::Presence;
use countersign_messaging::{IdentityKeys, LocalBus};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::http::{self, Answer};
use super::{Client, Party, TestClock, create_key};

/// Longer than anything takes; nothing waits for it unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How many replicas there were.
static REPLICAS: AtomicUsize = AtomicUsize::new(0);

/// What comes to its end, or the test fails.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

pub(crate) fn party(index: u8) -> PartyId {
    format!("p{index}").parse().expect("a name")
}

/// See the module's documentation.
pub(crate) struct World {
    pub(crate) log: Arc<SqliteLog>,
    pub(crate) bus: LocalBus,
    pub(crate) clock: TestClock,
    pub(crate) roster: Arc<Roster>,
    pub(crate) parties: Vec<Party>,
    pub(crate) policy: SessionPolicy,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) leases: Arc<dyn Leases>,
    folder: TempDir,
}

/// One running command side.
pub(crate) struct Replica {
    pub(crate) commands: Arc<Commands>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) cancelled: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), RunError>>,
}

impl World {
    /// So many parties `p1`, `p2` …, all of them honest and there.
    pub(crate) async fn new(parties: u8) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = SqliteLog::open(folder.path().join("events.db")).await;
        let bus = LocalBus::new();
        let keys = |index| IdentityKeys::from_seed(&[index; 64]);
        let played: Vec<_> = (1..=parties)
            .map(|index| Party::new(party(index), keys(index), Arc::new(bus.clone())))
            .collect();
        let identities = played.iter().map(|p| p.keys().public(p.id().clone()));
        let roster = Roster::new(identities.collect()).expect("a roster");
        for party in &played {
            party.start().await;
        }
        Self {
            log: Arc::new(log.expect("a log")),
            bus,
            clock: TestClock::default(),
            roster: Arc::new(roster),
            parties: played,
            policy: SessionPolicy::default(),
            checkpoints: Arc::new(NoCheckpoints),
            leases: Arc::new(LocalLeases),
            folder,
        }
    }

    /// A running replica over the log, which has caught up with it.
    pub(crate) async fn replica(&self) -> Replica {
        self.replica_over(self.log.clone()).await
    }

    pub(crate) async fn replica_over(&self, log: Arc<dyn EventLog>) -> Replica {
        let replica = self.starting_over(log);
        replica.is_ready().await;
        replica
    }

    /// A replica that may not have caught up yet.
    pub(crate) fn starting_over(&self, log: Arc<dyn EventLog>) -> Replica {
        let (commands, presence) = self.idle(log);
        let cancelled = CancellationToken::new();
        let task = tokio::spawn(commands.clone().run(cancelled.clone()));
        Replica {
            commands,
            presence,
            cancelled,
            task,
        }
    }

    /// A command side that does not run: nobody coordinates.
    pub(crate) fn idle(&self, log: Arc<dyn EventLog>) -> (Arc<Commands>, Arc<Presence>) {
        let presence = Arc::new(Presence::new(self.roster.clone()));
        self.hear(&presence, |_| true);
        let commands = Commands::new(CommandsConfig {
            log,
            bus: Arc::new(self.bus.clone()),
            roster: self.roster.clone(),
            presence: presence.clone(),
            clock: self.clock.clock(),
            entropy: Arc::new(|| [0xe5; 16]),
            coordinator_secret: Zeroizing::new([0xc0; 32]),
            personal: self.log.clone(),
            hash_key: HashKey::new(Zeroizing::new([0x4a; 32])),
            policy: self.policy,
            feed: Arc::new(self.bus.clone()),
            leases: self.leases.clone(),
            checkpoints: self.checkpoints.clone(),
            replica: format!("test-{}", REPLICAS.fetch_add(1, Ordering::Relaxed)),
        });
        (Arc::new(commands), presence)
    }

    fn hear(&self, presence: &Presence, whom: impl Fn(&PartyId) -> bool) {
        for party in self.parties.iter().filter(|party| whom(party.id())) {
            let heartbeat = party.heartbeat(&self.roster, self.clock.now());
            presence
                .observe(&heartbeat, self.clock.now())
                .expect("a heartbeat");
        }
    }

    /// Moves the clock; these parties are heard again at once.
    pub(crate) fn advance(&self, seconds: i64, replica: &Replica, whom: impl Fn(&PartyId) -> bool) {
        let then = self.clock.now() + chrono::Duration::seconds(seconds);
        for party in self.parties.iter().filter(|party| whom(party.id())) {
            let heartbeat = party.heartbeat(&self.roster, then);
            let heard = replica.presence.observe(&heartbeat, then);
            heard.expect("a heartbeat");
        }
        self.clock.advance(chrono::Duration::seconds(seconds));
    }

    pub(crate) fn party(&self, index: u8) -> &Party {
        &self.parties[usize::from(index) - 1]
    }

    pub(crate) async fn head(&self) -> u64 {
        self.log.head().await.expect("a head")
    }

    /// Closes the log and opens it again, as a restart of everything does.
    pub(crate) async fn reopen(&mut self) {
        self.log.close().await.expect("a clean end");
        let log = SqliteLog::open(self.folder.path().join("events.db")).await;
        self.log = Arc::new(log.expect("a log"));
    }

    /// Every event so far.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.log.read_all(0, usize::MAX).await.expect("the events")
    }

    /// The names of the events of a session or key so far.
    pub(crate) async fn history(&self, id: impl ToString) -> Vec<String> {
        let id = id.to_string();
        let events = self.events().await;
        let own = events.iter().filter(|e| e.stream.aggregate_id == id);
        own.map(|e| e.event_type.clone()).collect()
    }

    /// The first event of a session or key that is called so, once there is one.
    pub(crate) async fn event(&self, id: impl ToString, name: &str) -> Arc<Envelope> {
        self.nth_event(id, name, 1).await
    }

    /// The n-th such event, from 1, once there is one.
    pub(crate) async fn nth_event(
        &self,
        id: impl ToString,
        name: &str,
        mut n: usize,
    ) -> Arc<Envelope> {
        let id = id.to_string();
        let mut events = subscribe(self.log.clone(), 0);
        soon(async {
            loop {
                let event = events.next().await.expect("endless").expect("an event");
                if event.stream.aggregate_id == id && event.event_type == name {
                    n -= 1;
                    if n == 0 {
                        return event;
                    }
                }
            }
        })
        .await
    }

    /// The session events so called, decoded.
    pub(crate) async fn session_events(&self, session: SessionId) -> Vec<SessionEvent> {
        let decode = |event: &Arc<Envelope>| match Decoder::default().decode(event) {
            Ok(Decoded::Session(id, event)) if id == session => Some(*event),
            _ => None,
        };
        self.events().await.iter().filter_map(decode).collect()
    }

    /// Appends something that concerns nobody.
    pub(crate) async fn append_noise(&self) {
        self.append_raw(StreamId::new("noise", "all"), "Noise", json!({}))
            .await;
    }

    /// Appends an event past all rules.
    pub(crate) async fn append_raw(&self, stream: StreamId, name: &str, payload: Value) {
        let appended = self.log.append(Append {
            command: None,
            metadata: Metadata {
                correlation_id: Default::default(),
                causation_id: None,
                actor: "test".to_owned(),
                trace_parent: None,
            },
            recorded_at: self.clock.now(),
            streams: vec![StreamAppend {
                stream,
                expected: ExpectedVersion::Any,
                events: vec![NewEvent {
                    event_type: name.to_owned(),
                    event_version: 1,
                    payload,
                }],
            }],
            reservations: vec![],
            personal: None,
        });
        appended.await.expect("an append");
    }

    pub(crate) fn client(&self, name: &str) -> Client {
        Client::new(name, &self.clock)
    }

    /// A client that has an account.
    pub(crate) async fn registered(&self, name: &str, replica: &Replica) -> Client {
        let client = self.client(name);
        let token = client.intent("register", client.registration());
        replica.post("/v1/accounts", &token).await.has_status(201);
        client
    }

    /// An active key of a client.
    pub(crate) async fn key(&self, client: &Client, quorum: (u8, u8), replica: &Replica) -> KeyId {
        let jti = format!("key-{}-{}", quorum.0, quorum.1);
        let token = client.intent(&jti, create_key(quorum.0, quorum.1));
        let path = format!("/v1/accounts/{}/keys", client.account);
        let made = replica.wait(&path, &token).await.has_status(200);
        let key = made.body["key_id"].as_str().expect("a key");
        key.parse().expect("an id")
    }
}

impl Replica {
    /// Waits until it has caught up.
    pub(crate) async fn is_ready(&self) {
        let mut ready = self.commands.readiness();
        let ready = soon(ready.wait_for(|ready| *ready)).await;
        ready.expect("it lives");
    }

    pub(crate) async fn readyz(&self) -> Answer {
        let request = Request::get("/readyz").body(Body::empty());
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = http::send(router(self.commands.clone()), request);
        soon(answer).await
    }

    /// Sends a command and does not wait for its session.
    pub(crate) async fn post(&self, path: &str, token: &str) -> Answer {
        self.send(http::command(path, token, None)).await
    }

    /// Sends a command and waits for its session.
    pub(crate) async fn wait(&self, path: &str, token: &str) -> Answer {
        self.send(http::command(path, token, Some(30))).await
    }

    /// Sends a command of a client to where its kind belongs.
    pub(crate) async fn ask(&self, client: &Client, jti: &str, action: Action) -> Answer {
        let path = path_of(client, &action);
        self.wait(&path, &client.intent(jti, action)).await
    }

    /// Stops it and waits until it has.
    pub(crate) async fn stop(self) {
        self.cancelled.cancel();
        let ended = soon(self.task).await.expect("no panic");
        ended.expect("a clean end");
    }
}

/// Where a command belongs.
pub(crate) fn path_of(client: &Client, action: &Action) -> String {
    match action {
        Action::Register { .. } => "/v1/accounts".to_owned(),
        Action::Suspend => format!("/v1/accounts/{}/suspend", client.account),
        Action::Reactivate => format!("/v1/accounts/{}/reactivate", client.account),
        Action::Erase => format!("/v1/accounts/{}/erase", client.account),
        Action::CreateKey { .. } => format!("/v1/accounts/{}/keys", client.account),
        Action::Freeze { key } => format!("/v1/keys/{key}/freeze"),
        Action::Unfreeze { key } => format!("/v1/keys/{key}/unfreeze"),
        Action::Sign { key, .. } => format!("/v1/keys/{key}/signatures"),
        Action::Cancel { session } => format!("/v1/sessions/{session}/cancel"),
    }
}
