//! A log with events, a store, and processes that deliver.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use countersign_event_store::{
    Append, EventFilter, EventLog, ExpectedVersion, Leases, LocalLeases, LogError, Metadata,
    NewEvent, SqliteLog, StreamAppend, StreamId,
};
use countersign_webhooks::{
    NewWebhook, Policy, Schedule, SealKey, SendSettings, SqliteWebhooks, Status, Webhooks,
    WebhooksConfig, parse_network,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::ManualClock;

pub(crate) struct World {
    pub(crate) log: Arc<SqliteLog>,
    pub(crate) store: Arc<SqliteWebhooks>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) send: SendSettings,
    pub(crate) schedule: Schedule,
    pub(crate) max: u32,
    _folder: TempDir,
}

/// A process that delivers until it is dropped.
pub(crate) struct Running {
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Ends it at once, as a crash would.
    pub(crate) async fn crash(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    /// Tells it to end, and waits for that.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(30), &mut self.task).await;
        ended.expect("it ends in time").expect("no panic");
    }

    pub(crate) async fn add(&self, url: &str) -> (Uuid, String) {
        self.add_with(url, EventFilter::default()).await
    }

    pub(crate) async fn add_with(&self, url: &str, filter: EventFilter) -> (Uuid, String) {
        let new = NewWebhook {
            id: None,
            url: url.to_owned(),
            filter,
            from: None,
        };
        let (status, secret) = self.webhooks.create(new).await.expect("made");
        (
            status.subscription.id,
            secret.expect("a secret").to_string(),
        )
    }

    /// Waits until a subscription is as wanted.
    pub(crate) async fn until(&self, id: Uuid, wanted: impl Fn(&Status) -> bool) -> Status {
        eventually(async || {
            let status = self.webhooks.get(id).await.expect("a webhook");
            wanted(&status).then_some(status)
        })
        .await
    }
}

/// Looks until something is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    let found = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), found).await;
    found.expect("it comes in time")
}

/// Receivers on this machine, by http.
pub(crate) fn local() -> SendSettings {
    SendSettings {
        policy: Policy {
            allow_http: true,
            allow_ports: vec![1..=u16::MAX],
            allow_networks: vec![parse_network("127.0.0.0/8").expect("a network")],
        },
        timeout: Duration::from_secs(10),
        ..SendSettings::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = SqliteLog::open(folder.path().join("events.db")).await;
        let store = SqliteWebhooks::open(&folder.path().join("webhooks.db")).await;
        let minute = Duration::from_secs(60);
        Self {
            log: Arc::new(log.expect("a log")),
            store: Arc::new(store.expect("a store")),
            clock: Arc::new(ManualClock::new()),
            leases: Arc::new(LocalLeases),
            send: local(),
            schedule: Schedule {
                delays: vec![minute, 10 * minute],
                max_retry_after: 60 * minute,
            },
            max: 100,
            _folder: folder,
        }
    }

    pub(crate) fn webhooks(&self, replica: &str) -> Arc<Webhooks> {
        Arc::new(Webhooks::new(WebhooksConfig {
            log: self.log.clone(),
            store: self.store.clone(),
            leases: self.leases.clone(),
            replica: replica.to_owned(),
            key: SealKey::from_text(&"5e".repeat(32)).expect("a key"),
            clock: self.clock.clone(),
            entropy: Arc::new(|| {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes).expect("entropy");
                bytes
            }),
            send: self.send.clone(),
            schedule: self.schedule.clone(),
            disable_after: 2,
            concurrency: 8,
            max: self.max,
        }))
    }

    pub(crate) fn run(&self, replica: &str) -> Running {
        let webhooks = self.webhooks(replica);
        let stop = CancellationToken::new();
        let (running, until) = (webhooks.clone(), stop.clone());
        Running {
            webhooks,
            stop,
            task: tokio::spawn(async move { running.run(until).await }),
        }
    }

    /// Appends events of a session, one name each.
    pub(crate) async fn append(&self, session: u128, names: &[&str]) -> u64 {
        let events = names.iter().map(|name| NewEvent {
            event_type: (*name).to_owned(),
            event_version: 1,
            payload: json!({ "type": name }),
        });
        let appended = self.log.append(Append {
            command: None,
            metadata: Metadata {
                correlation_id: Uuid::from_u128(session),
                causation_id: None,
                actor: "test".to_owned(),
                trace_parent: None,
            },
            recorded_at: DateTime::from_timestamp_micros(1_750_000_000_123_456).expect("a time"),
            streams: vec![StreamAppend {
                stream: StreamId::new("session", Uuid::from_u128(session)),
                expected: ExpectedVersion::Any,
                events: events.collect(),
            }],
            reservations: vec![],
            personal: None,
        });
        appended.await.expect("appended").last_position
    }
}

/// Leases that one holds until it gives them back.
#[derive(Debug, Default)]
pub(crate) struct OneHolder(Mutex<Option<String>>);

#[async_trait]
impl Leases for OneHolder {
    async fn acquire(&self, _: &str, holder: &str, _: Duration) -> Result<bool, LogError> {
        let mut held = self.0.lock().expect("no panic");
        Ok(held.get_or_insert_with(|| holder.to_owned()) == holder)
    }

    async fn release(&self, _: &str, holder: &str) -> Result<(), LogError> {
        let mut held = self.0.lock().expect("no panic");
        held.take_if(|it| it == holder);
        Ok(())
    }

    async fn holder(&self, _: &str) -> Result<Option<String>, LogError> {
        Ok(self.0.lock().expect("no panic").clone())
    }
}
