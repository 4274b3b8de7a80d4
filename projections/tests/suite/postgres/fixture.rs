//! A database with the read models' tables, and a log beside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::ids::SessionId;
use countersign_event_store::postgres::migrate;
use countersign_event_store::{EventLog as _, Leases, LogError, SqliteLog};
use countersign_projections::postgres::Projectors;
use countersign_projections::{MemoryStore, PostgresStore, Projector, ReadModels};
use countersign_test_servers::database;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::projector::{PATIENCE, append, open};
use crate::world::World;

pub(crate) struct Fixture {
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<SqliteLog>,
    _folder: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::at(&database().await.url).await
    }

    pub(crate) async fn at(url: &str) -> Self {
        migrate(&url.into()).await.expect("a schema");
        let pool = PgPoolOptions::new()
            .max_connections(12)
            .acquire_timeout(Duration::from_secs(5))
            .connect(url)
            .await
            .expect("a pool");
        let folder = TempDir::new().expect("a folder");
        Self {
            pool,
            log: open(folder.path()).await,
            _folder: folder,
        }
    }

    pub(crate) async fn append(&self, world: &World) -> u64 {
        for envelope in &world.log {
            append(&*self.log, envelope).await;
        }
        self.log.head().await.expect("a head")
    }

    /// Starts the projector role in a process of this name.
    pub(crate) fn project(&self, leases: &Arc<TestLeases>, replica: &str) -> Running {
        let cancelled = CancellationToken::new();
        let projectors = Projectors::new(
            self.log.clone(),
            self.pool.clone(),
            leases.clone(),
            replica.to_owned(),
        );
        Running {
            task: tokio::spawn(projectors.run(cancelled.clone())),
            cancelled,
        }
    }

    pub(crate) async fn store(&self) -> Arc<PostgresStore> {
        let store = PostgresStore::connect(self.pool.clone()).await;
        Arc::new(store.expect("a store"))
    }

    pub(crate) async fn models(&self) -> ReadModels {
        ReadModels::new(self.store().await)
    }

    /// The read models of the same log in memory, when they are at its head.
    pub(crate) async fn in_memory(&self) -> ReadModels {
        let projector = Projector::new(self.log.clone(), Arc::new(MemoryStore::new()));
        let models = projector.read_models();
        let task = tokio::spawn(async move { projector.run().await });
        let head = self.log.head().await.expect("a head");
        models.wait_for(head, PATIENCE).await.expect("in time");
        task.abort();
        models
    }

    /// The read models when they show everything that the log has now.
    pub(crate) async fn at_head(&self) -> ReadModels {
        let models = self.models().await;
        let head = self.log.head().await.expect("a head");
        models.wait_for(head, PATIENCE).await.expect("in time");
        models
    }

    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let done = sqlx::raw_sql(sql).execute(&self.pool).await;
        done.expect("a statement").rows_affected()
    }

    /// The tables that there are.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let tables = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables
             WHERE table_schema = 'read_models' ORDER BY 1",
        );
        tables.fetch_all(&self.pool).await.expect("tables")
    }
}

/// A projector role that runs.
pub(crate) struct Running {
    pub(crate) task: JoinHandle<Result<(), countersign_projections::StoreError>>,
    cancelled: CancellationToken,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.cancelled.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("in time").expect("no panic").expect("an end");
    }
}

/// All rows, and all that is not shown.
pub(crate) async fn everything(models: &ReadModels) -> Value {
    let all = usize::MAX - 1;
    let accounts = models.list_accounts(&Default::default(), None, all).await;
    let keys = models.list_keys(&Default::default(), None, all).await;
    let sessions = models.list_sessions(&Default::default(), None, all).await;
    let sessions = sessions.expect("sessions").items;
    let mut timelines = vec![];
    for session in &sessions {
        timelines.push(timeline(models, session.view.session_id).await);
    }
    json!({
        "accounts": accounts.expect("accounts").items,
        "keys": keys.expect("keys").items,
        "sessions": sessions,
        "timelines": timelines,
        "parties": models.parties().await.expect("parties"),
        "status": models.status().await.expect("a status"),
    })
}

async fn timeline(models: &ReadModels, id: SessionId) -> Value {
    let entries = models.timeline(id).await.expect("a timeline");
    json!(entries)
}

/// Leases as a database grants them: they run out.
#[derive(Debug, Default)]
pub(crate) struct TestLeases {
    held: Mutex<HashMap<String, (String, Instant)>>,
}

#[async_trait]
impl Leases for TestLeases {
    async fn acquire(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, LogError> {
        let mut held = self.held.lock().expect("not poisoned");
        let now = Instant::now();
        if let Some((other, until)) = held.get(name)
            && other != holder
            && *until > now
        {
            return Ok(false);
        }
        held.insert(name.to_owned(), (holder.to_owned(), now + ttl));
        Ok(true)
    }

    async fn release(&self, name: &str, holder: &str) -> Result<(), LogError> {
        let mut held = self.held.lock().expect("not poisoned");
        if held.get(name).is_some_and(|(by, _)| by == holder) {
            held.remove(name);
        }
        Ok(())
    }

    async fn holder(&self, name: &str) -> Result<Option<String>, LogError> {
        let held = self.held.lock().expect("not poisoned");
        let now = Instant::now();
        let holder = held.get(name).filter(|(_, until)| *until > now);
        Ok(holder.map(|(by, _)| by.clone()))
    }
}
