//! A log with something of everything, and a server over it.

mod story;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use countersign_audit::{
    CheckpointStore as _, Checkpointer, FileCheckpoints, Publishing, SigningKey,
};
use countersign_domain::Timestamp;
use countersign_domain::decider::StoredEvent;
use countersign_domain::engine::EngineId;
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, Metadata, NewEvent, PersonalChange, Reservation, SqliteLog,
    StreamAppend, StreamId,
};
use countersign_messaging::presence::{Heartbeat, Presence, roster_fingerprint};
use countersign_messaging::progress::{Phase, Progress, ProgressBoard};
use countersign_projections::{MemoryStore, Projector, ReadModels};
use countersign_read_api::{ReadApi, ReadApiConfig, router};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::shared::support::seed::hash_key;
use crate::shared::support::{identity, party, roster};

pub(crate) use story::{SESSIONS, key, session};

/// Long enough for any machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A time, in milliseconds from the beginning of the story.
pub(crate) fn at(milliseconds: i64) -> Timestamp {
    let begin = 1_764_291_600_000;
    Timestamp::from_timestamp_millis(begin + milliseconds).expect("a time")
}

/// A page, or whatever a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// A server, its log, and what it was made of.
pub(crate) struct World {
    pub(crate) log: Arc<SqliteLog>,
    pub(crate) router: Router,
    pub(crate) relayed: watch::Sender<u64>,
    models: Arc<ReadModels>,
    presence: Arc<Presence>,
    progress: Arc<ProgressBoard>,
    clock: Arc<AtomicI64>,
    signing: (SigningKey, Arc<Publishing>),
    _folder: TempDir,
}

impl World {
    /// One with an empty log.
    pub(crate) async fn empty() -> Self {
        Self::with(|api| api).await
    }

    /// One with an empty log and a server that was changed in this way.
    pub(crate) async fn with(change: impl FnOnce(ReadApi) -> ReadApi) -> Self {
        let folder = TempDir::new().expect("a folder");
        let log = SqliteLog::open(folder.path().join("events.db")).await;
        let log = Arc::new(log.expect("a log"));
        let roster = Arc::new(roster());
        let store = Arc::new(MemoryStore::new());
        let projector = Projector::new(log.clone(), store.clone());
        tokio::spawn(async move { projector.run().await });
        let models = Arc::new(ReadModels::new(store));
        let presence = Arc::new(Presence::new(roster.clone()));
        let progress = Arc::new(ProgressBoard::new(roster.clone()));
        let clock = Arc::new(AtomicI64::new(0));
        let now = clock.clone();
        let relayed = watch::Sender::new(0);
        let api = ReadApi::new(ReadApiConfig {
            personal: log.clone(),
            hash_key: hash_key(),
            log: log.clone(),
            models: models.clone(),
            presence: presence.clone(),
            progress: progress.clone(),
            roster,
            clock: Arc::new(move || at(now.load(Ordering::Relaxed))),
            entropy: Arc::new(|| [0xe5; 16]),
        });
        let key = SigningKey::new("demo.example/log", &Zeroizing::new([0x5e; 32])).expect("a key");
        let files = FileCheckpoints::new(folder.path().join("checkpoints"));
        let files = Publishing::new(Arc::new(files), key.verifier().clone());
        let api = api
            .with_relayed(relayed.subscribe())
            .with_checkpoints(files.newest());
        let api = change(api);
        Self {
            router: router(Arc::new(api)),
            log,
            relayed,
            models,
            presence,
            progress,
            clock,
            signing: (key, Arc::new(files)),
            _folder: folder,
        }
    }

    /// The time is now this.
    pub(crate) fn clock(&self, milliseconds: i64) {
        self.clock.store(milliseconds, Ordering::Relaxed);
    }

    /// Appends an event as it was recorded at this time.
    pub(crate) async fn append(
        &self,
        milliseconds: i64,
        actor: &str,
        stream: &StreamId,
        event: &impl StoredEvent,
    ) -> u64 {
        self.append_with(milliseconds, actor, stream, event, vec![], None)
            .await
    }

    /// Appends it with names that it reserves, and what becomes of a key.
    pub(crate) async fn append_with(
        &self,
        milliseconds: i64,
        actor: &str,
        stream: &StreamId,
        event: &impl StoredEvent,
        reservations: Vec<Reservation>,
        personal: Option<PersonalChange>,
    ) -> u64 {
        let appended = self.log.append(Append {
            command: None,
            metadata: Metadata {
                correlation_id: Uuid::from_u128(0x5eed),
                causation_id: None,
                actor: actor.into(),
                trace_parent: None,
            },
            recorded_at: at(milliseconds),
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
        let position = appended.await.expect("an append").last_position;
        self.relayed.send_replace(position);
        position
    }

    /// A party is heard of.
    pub(crate) fn heartbeat(&self, index: u8, milliseconds: i64, running: u32, version: &str) {
        let heartbeat = Heartbeat {
            party: party(index),
            sent_at: at(milliseconds),
            started_at: at(-7_000_000),
            version: version.into(),
            engines: vec![EngineId::Dkls23],
            roster: roster_fingerprint(&roster()),
            running,
        };
        let signed = heartbeat.sign(&identity(index));
        let taken = self.presence.observe(&signed, at(milliseconds));
        taken.expect("a heartbeat of a party of the roster");
    }

    /// A party tells where it is.
    pub(crate) fn progress(&self, number: u32, attempt: u32, index: u8, phase: Phase, ms: i64) {
        let progress = Progress {
            session: session(number),
            attempt,
            party: party(index),
            phase,
            at: at(ms),
        };
        let taken = self.progress.observe(&progress.sign(&identity(index)));
        taken.expect("progress of a party of the roster");
    }

    /// Signs a checkpoint of all that there is.
    pub(crate) async fn checkpoint(&self) -> u64 {
        let (key, files) = self.signing.clone();
        let log: Arc<dyn EventLog> = self.log.clone();
        let signing = Checkpointer::open(&log, key, files).await;
        let mut signing = signing.expect("the log that was signed before");
        signing.advance(&log, u64::MAX).await.expect("a log");
        signing.sign().await.expect("a checkpoint");
        signing.size()
    }

    /// Takes over the checkpoint of another log.
    pub(crate) async fn adopt(&self, other: &Self) {
        let kept = other.signing.1.latest().await.expect("files");
        let kept = kept.expect("a checkpoint");
        self.signing.1.save(&kept).await.expect("files");
    }

    /// Waits until the read models show what is in the log.
    pub(crate) async fn settle(&self) {
        let head = self.log.head().await.expect("a head");
        self.models.wait_for(head, PATIENCE).await.expect("in time");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header("accept", "text/html,*/*;q=0.8");
        let request = request.body(Body::empty()).expect("a request");
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await;
        let (parts, body) = response.expect("infallible").into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await;
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&body.expect("a body")).into_owned(),
        }
    }

    /// The page, which must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.text
    }
}
