//! A house of three parties: vaults, roster, clock, and workers that can be
//! started and stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::Timestamp;
use countersign_domain::bytes::Hex;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{KeyId, PartyId, SessionId};
use countersign_domain::roster::{Member, Roster, fingerprint};
use countersign_messaging::{Bus, Clock, IdentityKeys, LocalBus, subject};
use countersign_parties::vault::{MasterKey, ShareRecord, Vault};
use countersign_parties::worker::{CeremonyPool, Limits, Stats, Worker, WorkerConfig, WorkerError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::feed::OverBus;
use crate::keys::KEY;
use crate::order::{account, auth_signer, quorum};

pub(crate) const NAMES: [&str; 3] = ["alpha", "bravo", "carol"];

/// How long a test waits for anything at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn party(name: &str) -> PartyId {
    name.parse().unwrap()
}

/// Seconds and milliseconds of a test, on a date of its own.
pub(crate) fn clock() -> Clock {
    let began = Instant::now();
    let epoch = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
    Arc::new(move || epoch + began.elapsed())
}

pub(crate) struct House {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) pool: Arc<CeremonyPool>,
    pub(crate) clock: Clock,
    vaults: BTreeMap<PartyId, Arc<Vault>>,
    folder: tempfile::TempDir,
}

/// A worker that runs.
pub(crate) struct Running {
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: CancellationToken,
    pub(crate) handle: JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(PATIENCE, self.handle).await;
        stopped.expect("stops").unwrap().unwrap();
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(LocalBus::new()))
    }

    pub(crate) fn on(bus: Arc<dyn Bus>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut house = Self {
            bus,
            roster: Arc::new(Roster::new(vec![]).unwrap()),
            pool: Arc::new(CeremonyPool::default()),
            clock: clock(),
            vaults: BTreeMap::new(),
            folder,
        };
        for name in NAMES {
            house.open(name);
        }
        let identities = NAMES
            .iter()
            .map(|name| house.keys(name).public(party(name)));
        house.roster = Arc::new(Roster::new(identities.collect()).unwrap());
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&mut self, name: &str) {
        let master = MasterKey::generate([9; 32]);
        let vault = Vault::open(&self.path(name), &party(name), &master).unwrap();
        self.vaults.insert(party(name), Arc::new(vault));
    }

    /// Closes a party's vault and opens it again, as a restart does.
    pub(crate) fn reopen(&mut self, name: &str) {
        drop(self.vaults.remove(&party(name)));
        self.open(name);
    }

    pub(crate) fn vault(&self, name: &str) -> &Arc<Vault> {
        &self.vaults[&party(name)]
    }

    pub(crate) fn keys(&self, name: &str) -> IdentityKeys {
        IdentityKeys::from_seed(self.vault(name).identity_seed())
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        self.roster.members(&NAMES.map(party)).unwrap()
    }

    pub(crate) fn config(&self, name: &str) -> WorkerConfig {
        WorkerConfig::new(
            party(name),
            Arc::clone(self.vault(name)),
            Arc::clone(&self.roster),
            Arc::clone(&self.bus),
            Arc::new(OverBus(Arc::clone(&self.bus))),
            Arc::clone(&self.pool),
            Arc::clone(&self.clock),
        )
    }

    /// Starts a worker and waits until it listens.
    pub(crate) async fn start(&self, name: &str) -> Running {
        self.start_with(name, |_| {}).await
    }

    pub(crate) async fn start_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut WorkerConfig),
    ) -> Running {
        let mut config = self.config(name);
        change(&mut config);
        let mut heartbeats = self
            .bus
            .subscribe(&subject::presence(&party(name)))
            .await
            .unwrap();
        let worker = Worker::new(config);
        let stats = worker.stats();
        let stop = CancellationToken::new();
        let handle = tokio::spawn(worker.run(stop.clone()));
        // It is the last thing a worker does before it serves.
        tokio::time::timeout(PATIENCE, heartbeats.next())
            .await
            .unwrap()
            .unwrap();
        Running {
            stats,
            stop,
            handle,
        }
    }

    pub(crate) async fn start_all(&self) -> BTreeMap<&'static str, Running> {
        self.start_all_with(|_| {}).await
    }

    pub(crate) async fn start_all_with(
        &self,
        change: impl Fn(&mut WorkerConfig),
    ) -> BTreeMap<&'static str, Running> {
        let mut running = BTreeMap::new();
        for name in NAMES {
            running.insert(name, self.start_with(name, &change).await);
        }
        running
    }

    /// Puts a share of the tests' key into every vault, as a key generation would.
    pub(crate) fn seal_shares(&self) -> KeyId {
        for (name, index) in NAMES.iter().zip(1u8..) {
            let vault = self.vault(name);
            let record = self.record(index);
            vault
                .put_share(&record, KEY.shares[&index].expose())
                .unwrap();
            vault.set_receipt(record.key, 1, "a receipt").unwrap();
        }
        self.record(1).key
    }

    fn record(&self, index: u8) -> ShareRecord {
        let session = SessionId::of(account(), "the key of the tests");
        let members = self.members();
        ShareRecord {
            key: KeyId::of(session),
            account: account(),
            epoch: 1,
            engine: EngineId::Dkls23,
            quorum: quorum(),
            me: index,
            roster: fingerprint(&members),
            members,
            public_key: Hex(KEY.public_key),
            chain_code: Hex(KEY.chain_code),
            auth_key: serde_json::to_value(auth_signer().public()).unwrap(),
            session,
            receipt: None,
        }
    }
}

/// Limits with which a test notices silence soon.
pub(crate) fn impatient(limits: &mut Limits) {
    limits.quiet = Duration::from_millis(20);
    limits.quiet_max = Duration::from_millis(100);
    limits.silence_sign = Duration::from_millis(600);
    limits.silence_keygen_base = Duration::from_millis(600);
}

/// Waits for what nothing tells.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let poll = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, poll).await.is_ok(), "{what}");
}
