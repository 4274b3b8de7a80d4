//! A server over a log in a folder of its own, and what there is to put in it.

pub(crate) mod listener;
pub(crate) mod seed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use countersign_audit::Published;
use countersign_domain::Timestamp;
use countersign_domain::decider::StoredEvent;
use countersign_domain::ids::{AccountId, PartyId};
use countersign_domain::roster::Roster;
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, HashKey, LogError, Metadata, NewEvent, PersonalChange,
    PersonalKey, PersonalKeys, Reservation, SqliteLog, StreamAppend, StreamId,
};
use countersign_messaging::IdentityKeys;
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_projections::{MemoryStore, Projector, ReadModels};
use countersign_read_api::{Everybody, ReadApi, ReadApiConfig, StreamSettings, Visibility, router};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;

/// Long enough for any machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_750_000_000 + seconds, 0).expect("a time")
}

pub(crate) fn party(index: u8) -> PartyId {
    format!("party-{index}").parse().expect("a name")
}

pub(crate) fn identity(index: u8) -> IdentityKeys {
    IdentityKeys::from_seed(&[index; 64])
}

pub(crate) fn roster() -> Roster {
    let parties = (1..=3).map(|index| identity(index).public(party(index)));
    Roster::new(parties.collect()).expect("a roster")
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub(crate) fn items(&self) -> &Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body["items"].as_array().expect("a list")
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

/// Beside a log without accounts.
#[derive(Debug)]
struct NoKeys;

#[async_trait]
impl PersonalKeys for NoKeys {
    async fn personal_keys(
        &self,
        _: &[AccountId],
    ) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
        Ok(HashMap::new())
    }

    async fn holder(&self, _: &str, _: &str) -> Result<Option<String>, LogError> {
        Ok(None)
    }

    async fn adopt(&self, _: &HashKey) -> Result<(), LogError> {
        Ok(())
    }

    async fn check(&self, _: &HashKey) -> Result<(), LogError> {
        Ok(())
    }
}

/// A server, its log, and what it was made of.
pub(crate) struct Server {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) models: Arc<ReadModels>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) progress: Arc<ProgressBoard>,
    store: Arc<MemoryStore>,
    /// The newest checkpoint that it knows.
    pub(crate) checkpoint: watch::Sender<Option<Published>>,
    pub(crate) router: Router,
    _folder: Option<TempDir>,
}

impl Server {
    /// One whose read models follow the log.
    pub(crate) async fn start() -> Self {
        let server = Self::behind().await;
        server.project();
        server
    }

    /// One whose read models stay empty until [`Server::project`].
    pub(crate) async fn behind() -> Self {
        Self::streaming(StreamSettings::default(), Arc::new(Everybody)).await
    }

    /// One that gives out event streams in this way.
    pub(crate) async fn streaming(
        settings: StreamSettings,
        visibility: Arc<dyn Visibility>,
    ) -> Self {
        let folder = TempDir::new().expect("a folder");
        let log = SqliteLog::open(folder.path().join("events.db")).await;
        let log = Arc::new(log.expect("a log"));
        let mut server = Self::with(log.clone(), log, PATIENCE, settings, visibility);
        server._folder = Some(folder);
        server
    }

    /// One over any log, that waits no longer than `patience` for positions.
    pub(crate) fn over(log: Arc<dyn EventLog>, patience: Duration) -> Self {
        Self::with(
            log,
            Arc::new(NoKeys),
            patience,
            StreamSettings::default(),
            Arc::new(Everybody),
        )
    }

    fn with(
        log: Arc<dyn EventLog>,
        personal: Arc<dyn PersonalKeys>,
        patience: Duration,
        settings: StreamSettings,
        visibility: Arc<dyn Visibility>,
    ) -> Self {
        let roster = Arc::new(roster());
        let store = Arc::new(MemoryStore::new());
        let models = Arc::new(ReadModels::new(store.clone()));
        let presence = Arc::new(Presence::new(roster.clone()));
        let progress = Arc::new(ProgressBoard::new(roster.clone()));
        let api = ReadApi::new(ReadApiConfig {
            log: log.clone(),
            models: models.clone(),
            personal,
            hash_key: seed::hash_key(),
            presence: presence.clone(),
            progress: progress.clone(),
            roster,
            clock: Arc::new(|| at(100)),
            entropy: Arc::new(|| [0xe5; 16]),
        });
        let checkpoint = watch::Sender::new(None);
        let api = api
            .with_checkpoints(checkpoint.subscribe())
            .with_patience(patience)
            .with_streams(settings)
            .with_visibility(visibility);
        Self {
            log,
            models,
            presence,
            progress,
            store,
            checkpoint,
            router: router(Arc::new(api)),
            _folder: None,
        }
    }

    pub(crate) fn project(&self) {
        let projector = Projector::new(self.log.clone(), self.store.clone());
        tokio::spawn(async move { projector.run().await });
    }

    /// Appends an event, a second after the one before, and waits for nothing.
    pub(crate) async fn append(&self, stream: &StreamId, event: &impl StoredEvent) -> u64 {
        self.append_with(stream, event, vec![], None).await
    }

    async fn append_with(
        &self,
        stream: &StreamId,
        event: &impl StoredEvent,
        reservations: Vec<Reservation>,
        personal: Option<PersonalChange>,
    ) -> u64 {
        let position = self.log.head().await.expect("a head") + 1;
        let appended = self.log.append(Append {
            command: None,
            metadata: Metadata {
                correlation_id: Uuid::from_u128(1),
                causation_id: None,
                actor: "test".into(),
                trace_parent: None,
            },
            recorded_at: at(position.try_into().expect("small")),
            streams: vec![StreamAppend {
                stream: stream.clone(),
                expected: ExpectedVersion::Any,
                events: vec![NewEvent {
                    event_type: event.name().into(),
                    event_version: event.version(),
                    payload: serde_json::to_value(event).expect("JSON"),
                }],
            }],
            reservations,
            personal,
        });
        appended.await.expect("an append").last_position
    }

    /// Waits until the read models show what is in the log.
    pub(crate) async fn settle(&self) {
        let head = self.log.head().await.expect("a head");
        self.models.wait_for(head, PATIENCE).await.expect("in time");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).body(Body::empty());
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }
}
