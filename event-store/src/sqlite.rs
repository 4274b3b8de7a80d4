//! The log in one SQLite file, for one process.
//!
//! One task owns the connection that writes; it commits the appends that are
//! queued together, in one transaction. Reads go through a small pool of read-only
//! connections, or come from memory near the head.

mod check;
mod failure;
mod open;
mod personal;
mod read;
mod reader;
mod readers;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::{
    Append, AppendError, Appended, CommandEntry, Envelope, EventLog, LogError, StreamId, metrics,
    recent::Recent,
};
pub use reader::SqliteReader;
use readers::Readers;
use writer::{Job, Writer, Written};

/// How many appends may wait for the writer; callers beyond that wait to queue.
const QUEUE: usize = 1024;

/// How many of the newest events are served from memory.
const RECENT: usize = 4096;

/// An [`EventLog`] in one SQLite file, which it holds to itself.
///
/// Dropping it lets the appends that are queued finish in the background;
/// [`SqliteLog::close`] waits for that.
pub struct SqliteLog {
    queue: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// What the writer shares with readers.
struct Shared {
    path: PathBuf,
    readers: Readers,
    recent: Recent,
    head: watch::Sender<u64>,
}

impl SqliteLog {
    /// Opens the log at `path`, and creates it if there is no file.
    ///
    /// The whole file is checked first, which takes time in proportion to its size.
    /// `<path>.lock` is held until the log is closed.
    ///
    /// # Errors
    ///
    /// `Damaged` for a file that is no event log or not an intact one,
    /// `NewerSchema`, `InUse`, or `Storage` when the file cannot be used.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let opened = open::open(path.as_ref()).await?;
        let shared = Arc::new(Shared {
            path: opened.path,
            readers: opened.readers,
            recent: Recent::new(opened.head, RECENT),
            head: watch::Sender::new(opened.head),
        });
        metrics::head(opened.head);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writer = Writer::new(opened.writer, opened.lock, shared.clone());
        tokio::spawn(writer.run(jobs));
        Ok(Self { queue, shared })
    }

    /// Finishes the appends that are queued, moves everything into the one file and
    /// lets go of it. What is asked of the log from then on fails with `Closed`.
    ///
    /// # Errors
    ///
    /// When the last writes to the file fail; nothing acknowledged is lost even so.
    pub async fn close(&self) -> Result<(), LogError> {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Job::Close(reply)).await.is_err() {
            return Ok(());
        }
        done.await.unwrap_or(Err(LogError::Closed))
    }

    fn check_open(&self) -> Result<(), LogError> {
        if self.shared.readers.is_closed() {
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
impl EventLog for SqliteLog {
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
        read::stream(&self.shared.readers, stream, after_version, limit).await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.check_open()?;
        match self.shared.recent.after(after, limit) {
            Some(events) => Ok(events),
            None => read::all(&self.shared.readers, after, limit).await,
        }
    }

    async fn find_command(&self, id: Uuid) -> Result<Option<CommandEntry>, LogError> {
        self.check_open()?;
        read::command(&self.shared, id).await
    }

    async fn head(&self) -> Result<u64, LogError> {
        self.check_open()?;
        Ok(*self.shared.head.borrow())
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.shared.head.subscribe()
    }
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog")
            .field("path", &self.shared.path)
            .field("head", &*self.shared.head.borrow())
            .finish_non_exhaustive()
    }
}
