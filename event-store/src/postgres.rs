//! The log in a PostgreSQL database, for any number of processes.
//!
//! In each process one task writes, on a connection of its own; it commits the
//! appends that are queued together, in one transaction. It locks the row that holds
//! the head of the log first and looks up what the batch mentions after that, so
//! what it decides on cannot change before it commits, and positions become visible
//! in their order. Reads go through a pool of connections, or come from memory near
//! the head.

mod checkpoints;
mod config;
mod failure;
mod leases;
mod link;
mod newest;
mod personal;
mod pool;
mod read;
mod schema;
mod writer;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::{
    Append, AppendError, Appended, CommandEntry, DecodedEvent, Decoder, Envelope, EventLog,
    LogError, StreamId, metrics, recent::Recent,
};
pub use checkpoints::PostgresCheckpoints;
pub use config::PostgresConfig;
pub use leases::PostgresLeases;
pub use schema::{Migrated, SchemaStatus, known_version, migrate, schema};

use config::Address;
use link::Link;
use newest::Newest;
use writer::{Job, Writer, Written};

/// How many appends may wait for the writer; callers beyond that wait to queue.
const QUEUE: usize = 1024;

/// How many of the newest events are served from memory.
const RECENT: usize = 4096;

/// An [`EventLog`] in a PostgreSQL database that other processes use too.
///
/// Dropping it lets the appends that are queued finish in the background;
/// [`PostgresLog::close`] waits for that.
pub struct PostgresLog {
    queue: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// What the writer shares with readers.
struct Shared {
    /// What errors call the log.
    name: String,
    pool: PgPool,
    /// The newest events that this process knows.
    recent: Recent,
    newest: Newest,
    /// Head after this process's own commits.
    committed: watch::Sender<u64>,
    /// The furthest position that this process has heard of.
    heard: watch::Sender<u64>,
    /// How many sessions bring appends soon.
    in_work: AtomicUsize,
    closed: AtomicBool,
}

impl Shared {
    /// Wakes those who follow: there are events up to `position`.
    fn hear(&self, position: u64) {
        let news = self.heard.send_if_modified(|known| {
            let news = *known < position;
            *known = position.max(*known);
            news
        });
        if news {
            metrics::head(position);
        }
    }
}

impl PostgresLog {
    /// Connects to the log. The database has to have the schema, which
    /// [`migrate`] makes.
    ///
    /// # Errors
    ///
    /// `Address` for a URL that is none, `Unreachable`, `Credentials`; `NoSchema`,
    /// `OlderSchema` or `NewerSchema` when the schema is not the one of this
    /// program; `Damaged` for a database of another program, or when the counter of
    /// positions is not where the events end; `Storage` for other failures.
    pub async fn connect(config: PostgresConfig) -> Result<Self, LogError> {
        let address = Address::parse(&config.url)?;
        let pool = pool::pool(&config, &address);
        let name = address.name.clone();
        let newest = Newest::new(address.clone(), config.acquire_timeout);
        let (link, head) = Link::open(address, config.acquire_timeout).await?;
        let shared = Arc::new(Shared {
            name,
            pool,
            recent: Recent::new(head, RECENT),
            newest,
            committed: watch::Sender::new(head),
            heard: watch::Sender::new(head),
            in_work: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        metrics::head(head);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = Writer::new(link, head, shared.clone());
        tokio::spawn(writer.run(jobs));
        Ok(Self { queue, shared })
    }

    /// Finishes the appends that are queued and lets go of the database. What is
    /// asked of the log from then on fails with `Closed`. The pool stays open for
    /// others that share it.
    ///
    /// # Errors
    ///
    /// When the writer's connection does not end in order; nothing acknowledged is
    /// lost even so.
    pub async fn close(&self) -> Result<(), LogError> {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Job::Close(reply)).await.is_err() {
            return Ok(());
        }
        done.await.unwrap_or(Err(LogError::Closed))
    }

    /// The head after this process's own commits, as it advances; for telling others.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.shared.committed.subscribe()
    }

    /// Takes note that somebody else has committed up to `position`: those who
    /// follow the log look at once.
    pub fn nudge(&self, position: u64) {
        self.shared.hear(position);
    }

    /// The connections that the log reads with; others may use them too.
    pub fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    fn check_open(&self) -> Result<(), LogError> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(LogError::Closed);
        }
        Ok(())
    }

    async fn submit(&self, append: Append) -> Result<Appended, AppendError> {
        let prepared = append.prepare()?;
        let (reply, written) = oneshot::channel();
        self.queue
            .send(Job::Append(Box::new(prepared), reply))
            .await
            .map_err(|_| LogError::Closed)?;
        match written.await.map_err(|_| LogError::Closed)?? {
            Written::Fresh(appended) => Ok(appended),
            Written::Duplicate(entry) => {
                let before = entry.first_position - 1;
                let count = usize::try_from(entry.last_position - before).unwrap_or(usize::MAX);
                Ok(Appended {
                    last_position: entry.last_position,
                    events: self.read_all(before, count).await?,
                    duplicate: true,
                })
            }
        }
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let begun = Instant::now();
        let outcome = self.submit(append).await;
        ::metrics::histogram!(metrics::APPEND_SECONDS).record(begun.elapsed());
        outcome
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.check_open()?;
        read::stream(&self.shared, stream, after_version, limit).await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.check_open()?;
        match self.shared.recent.full(after, limit) {
            Some(events) => Ok(events),
            // Others may have appended more than memory has.
            None => newest::events(&self.shared, after, limit).await,
        }
    }

    async fn read_decoded(
        &self,
        after: u64,
        limit: usize,
        decoder: &Decoder,
    ) -> Result<Vec<DecodedEvent>, LogError> {
        self.check_open()?;
        match self.shared.recent.full(after, limit) {
            Some(events) => Ok(decoder.decode_all(events)),
            None => read::decoded(&self.shared, after, limit, decoder).await,
        }
    }

    async fn find_command(&self, id: Uuid) -> Result<Option<CommandEntry>, LogError> {
        self.check_open()?;
        read::command(&self.shared, id).await
    }

    async fn head(&self) -> Result<u64, LogError> {
        self.check_open()?;
        let head = read::head(&self.shared).await?;
        self.shared.hear(head);
        Ok(head)
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.shared.heard.subscribe()
    }

    fn in_work(&self, sessions: usize) {
        self.shared.in_work.store(sessions, Ordering::Relaxed);
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLog")
            .field("log", &self.shared.name)
            .field("head", &*self.shared.heard.borrow())
            .finish_non_exhaustive()
    }
}
