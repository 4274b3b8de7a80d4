//! A log, a bus, a roster and a clock, shared by replicas and parties.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_commands::{Clock, SessionPolicy};
use countersign_domain::Timestamp;
use countersign_domain::bytes::{Digest, Hex};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use countersign_domain::session::SessionInvitation;
use countersign_event_store::{Envelope, EventLog as _, SqliteLog};
use countersign_messaging::invitation::InvitationOpener;
use countersign_messaging::party_command::PartyCommand;
use countersign_messaging::presence::{Heartbeat, Presence, roster_fingerprint};
use countersign_messaging::{IdentityKeys, LocalBus, Subscription};
use tempfile::TempDir;
use tokio::time::Instant;

use super::link::Link;
use super::party::{self, Conduct};
use super::{Account, Replica};

/// How long a test may take before its clock runs by itself, so that what it
/// waits for times out, and the test fails.
const GUARD: Duration = Duration::from_secs(60);

/// Everything that replicas of the command side share.
///
/// The clock stands still until a test moves it, also while SQLite's thread
/// works: a blocking task keeps tokio from advancing it.
pub(crate) struct World {
    pub(crate) log: Arc<SqliteLog>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) bus: LocalBus,
    /// How replicas reach it.
    pub(crate) link: Link,
    pub(crate) roster: Arc<Roster>,
    pub(crate) clock: Clock,
    pub(crate) policy: SessionPolicy,
    keys: BTreeMap<PartyId, Arc<IdentityKeys>>,
    conduct: Arc<Mutex<BTreeMap<PartyId, Conduct>>>,
    took_too_long: Arc<AtomicBool>,
    _directory: TempDir,
    _still: mpsc::Sender<()>,
}

impl World {
    /// A world of `parties` honest parties named `p1`, `p2` …, all present.
    pub(crate) async fn new(parties: u8) -> Self {
        let (still, until) = mpsc::channel::<()>();
        let took_too_long = Arc::new(AtomicBool::new(false));
        let guard = took_too_long.clone();
        tokio::task::spawn_blocking(move || {
            if until.recv_timeout(GUARD) == Err(RecvTimeoutError::Timeout) {
                guard.store(true, Ordering::Relaxed);
            }
        });
        let directory = TempDir::new().unwrap();
        let log = SqliteLog::open(directory.path().join("events.db"))
            .await
            .unwrap();
        let name = |n: u8| -> PartyId { format!("p{n}").parse().unwrap() };
        let keys: BTreeMap<PartyId, Arc<IdentityKeys>> = (1..=parties)
            .map(|n| (name(n), Arc::new(IdentityKeys::from_seed(&[n; 64]))))
            .collect();
        let identities = (1..=parties).map(|n| keys[&name(n)].public(name(n)));
        let roster = Arc::new(Roster::new(identities.collect()).unwrap());
        let bus = LocalBus::new();
        let start = Instant::now();
        let epoch = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        let world = Self {
            log: Arc::new(log),
            link: Link::new(bus.clone()),
            bus,
            presence: Arc::new(Presence::new(roster.clone())),
            roster,
            clock: Arc::new(move || epoch + start.elapsed()),
            policy: SessionPolicy::default(),
            keys,
            conduct: Arc::default(),
            took_too_long,
            _directory: directory,
            _still: still,
        };
        for (name, keys) in &world.keys {
            party::start(
                name.clone(),
                keys.clone(),
                world.bus.clone(),
                world.conduct.clone(),
            )
            .await;
        }
        world.all_present();
        world
    }

    /// A running replica that has caught up.
    pub(crate) async fn replica(&self) -> Replica {
        Replica::new(self, self.link.clone()).start().await
    }

    /// A running replica that no command of a party reaches.
    pub(crate) async fn replica_without_parties(&self) -> Replica {
        let link = self.link.without_parties();
        Replica::new(self, link).start().await
    }

    /// A replica that answers requests only: it follows no log and no bus.
    pub(crate) fn deaf_replica(&self) -> Replica {
        Replica::new(self, self.link.clone())
    }

    /// A registered account.
    pub(crate) async fn account(&self, replica: &Replica, name: &str) -> Account {
        let account = Account::new(name, self.clock.clone());
        let answer = replica.post("/v1/accounts", &account.register()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        account
    }

    /// How a party behaves from now on.
    pub(crate) fn let_party(&self, party: &str, conduct: Conduct) {
        let party = party.parse().unwrap();
        self.conduct.lock().unwrap().insert(party, conduct);
    }

    /// How all parties behave from now on.
    pub(crate) fn let_all(&self, conduct: &Conduct) {
        let mut all = self.conduct.lock().unwrap();
        all.extend(self.keys.keys().map(|p| (p.clone(), conduct.clone())));
    }

    /// Every party sends a heartbeat.
    pub(crate) fn all_present(&self) {
        let names: Vec<_> = self.keys.keys().map(ToString::to_string).collect();
        self.present(&names.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// These parties send a heartbeat.
    pub(crate) fn present(&self, parties: &[&str]) {
        self.present_with(parties, roster_fingerprint(&self.roster));
    }

    /// These parties send a heartbeat that names another roster than all others.
    pub(crate) fn present_with_another_roster(&self, parties: &[&str]) {
        self.present_with(parties, Hex([0xaa; 32]));
    }

    fn present_with(&self, parties: &[&str], roster: Digest) {
        let now = (self.clock)();
        for party in parties {
            let party: PartyId = party.parse().unwrap();
            let heartbeat = Heartbeat {
                party: party.clone(),
                sent_at: now,
                started_at: now,
                version: "test".to_owned(),
                engines: vec![EngineId::Dkls23],
                roster,
                running: 0,
            };
            let signed = heartbeat.sign(&self.keys[&party]);
            self.presence.observe(&signed, now).unwrap();
        }
    }

    /// A party's command as it travels, signed by it.
    pub(crate) fn signed(&self, party: &str, command: &PartyCommand) -> Vec<u8> {
        let party: PartyId = party.parse().unwrap();
        command.sign(&party, &self.keys[&party])
    }

    /// The next invitation to a party, of those that come to `invitations`.
    pub(crate) async fn invitation(
        &self,
        party: &str,
        invitations: &mut Subscription,
    ) -> SessionInvitation {
        let keys = &self.keys[&party.parse().unwrap()];
        let message = invitations.next().await.unwrap();
        let opener = InvitationOpener::new(Arc::clone(keys));
        let text = opener.open(&message.payload).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Moves the clock; the parties stay present.
    pub(crate) async fn advance(&self, by: Duration) {
        self.pass(by).await;
        self.all_present();
    }

    /// Moves the clock; nobody sends a heartbeat.
    pub(crate) async fn pass(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    /// All events.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.log.read_all(0, 100_000).await.unwrap()
    }

    /// Waits until there are so many events of a type.
    pub(crate) async fn until_events(&self, event_type: &str, count: usize) -> Vec<Arc<Envelope>> {
        let mut wake = self.log.wake();
        let waited = async {
            loop {
                wake.mark_unchanged();
                let events = self.events().await;
                if events_of(&events, event_type).len() >= count {
                    return events;
                }
                wake.changed().await.unwrap();
            }
        };
        // The clock stands still until the guard gives up.
        match tokio::time::timeout(Duration::from_hours(1), waited).await {
            Ok(events) => events,
            Err(_) => panic!("never {count} × {event_type}"),
        }
    }

    /// Lets time pass, in small steps, until there are so many events of a type.
    pub(crate) async fn until_in_time(&self, event_type: &str, count: usize) -> Vec<Arc<Envelope>> {
        loop {
            let events = self.events().await;
            if events_of(&events, event_type).len() >= count {
                return events;
            }
            assert!(
                !self.took_too_long.load(Ordering::Relaxed),
                "no {event_type}"
            );
            self.advance(Duration::from_millis(20)).await;
        }
    }

    /// Position of the last event.
    pub(crate) async fn head(&self) -> u64 {
        self.log.head().await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let late = self.took_too_long.load(Ordering::Relaxed);
        assert!(!late || std::thread::panicking(), "something never came");
    }
}

/// The events of a type.
pub(crate) fn events_of<'a>(events: &'a [Arc<Envelope>], event_type: &str) -> Vec<&'a Envelope> {
    let of_type = events.iter().filter(|e| e.event_type == event_type);
    of_type.map(|e| &**e).collect()
}
