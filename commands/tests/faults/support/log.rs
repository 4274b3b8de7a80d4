//! A log that can be made to fail, and to show those who follow it less than is
//! there, as a replica sees it that is behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign_event_store::{
    Append, AppendError, Appended, CommandEntry, Envelope, EventLog, LogError, StreamId,
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::soon;

#[derive(Debug)]
pub(crate) struct TestLog {
    inner: Arc<dyn EventLog>,
    /// The last position that followers see.
    shown: watch::Sender<u64>,
    refusing: AtomicBool,
    refused: watch::Sender<usize>,
    conflicts: watch::Sender<usize>,
    reads: watch::Sender<usize>,
    /// Which look for a command is answered late, and how many there were.
    late: AtomicUsize,
    looks: watch::Sender<usize>,
    released: Notify,
    /// Whether the answer to an append gets lost.
    losing: AtomicBool,
    lowest_read: AtomicU64,
    /// Whether nothing can be read or written.
    away: AtomicBool,
    in_work: watch::Sender<usize>,
}

impl TestLog {
    pub(crate) fn over(inner: Arc<dyn EventLog>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            shown: watch::Sender::new(u64::MAX),
            refusing: AtomicBool::new(false),
            refused: watch::Sender::new(0),
            conflicts: watch::Sender::new(0),
            reads: watch::Sender::new(0),
            late: AtomicUsize::new(0),
            looks: watch::Sender::new(0),
            released: Notify::new(),
            losing: AtomicBool::new(false),
            lowest_read: AtomicU64::new(u64::MAX),
            away: AtomicBool::new(false),
            in_work: watch::Sender::new(0),
        })
    }

    /// Waits until it has been told of so many sessions in work.
    pub(crate) async fn has_in_work(&self, sessions: usize) {
        let mut told = self.in_work.subscribe();
        let reached = told.wait_for(|told| *told == sessions);
        soon(reached).await.expect("the sender lives");
    }

    /// Those who follow see nothing after this position.
    pub(crate) fn show_until(&self, position: u64) {
        self.shown.send_replace(position);
    }

    /// Whether appends fail from now on, as with a full disk.
    pub(crate) fn refuse_appends(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Whether appends from now on are carried out, and the answer gets lost.
    pub(crate) fn lose_answers(&self, losing: bool) {
        self.losing.store(losing, Ordering::SeqCst);
    }

    /// Whether nothing can be read or written from now on, as with a server that
    /// is down.
    pub(crate) fn is_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn there(&self) -> Result<(), LogError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(LogError::storage("read", "the server is down"));
        }
        Ok(())
    }

    /// The lowest position after which the log was read.
    pub(crate) fn lowest_read(&self) -> u64 {
        self.lowest_read.load(Ordering::SeqCst)
    }

    /// Waits until so many appends have failed so.
    pub(crate) async fn was_refused(&self, times: usize) {
        reaches(&self.refused, times).await;
    }

    /// The n-th look for a command from now on, from 1, is answered with what is
    /// there when it comes, but only when it is released.
    pub(crate) fn answer_late(&self, n: usize) {
        self.late.store(*self.looks.borrow() + n, Ordering::SeqCst);
    }

    /// Waits until there is such a look.
    pub(crate) async fn has_a_late_answer(&self) {
        reaches(&self.looks, self.late.load(Ordering::SeqCst)).await;
    }

    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Waits until an append was made on a state that was behind.
    pub(crate) async fn had_a_conflict(&self) {
        reaches(&self.conflicts, 1).await;
    }

    /// Waits until streams were read so many times more.
    pub(crate) async fn is_read_again(&self, times: usize) {
        let before = *self.reads.borrow();
        reaches(&self.reads, before + times).await;
    }
}

async fn reaches(counter: &watch::Sender<usize>, count: usize) {
    let mut counter = counter.subscribe();
    let reached = counter.wait_for(|counted| *counted >= count);
    soon(reached).await.expect("the sender lives");
}

#[async_trait]
impl EventLog for TestLog {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.there()?;
        if self.refusing.load(Ordering::SeqCst) {
            self.refused.send_modify(|refused| *refused += 1);
            return Err(LogError::storage("write", "no space left").into());
        }
        let appended = self.inner.append(append).await;
        if matches!(appended, Err(AppendError::Conflict { .. })) {
            self.conflicts.send_modify(|conflicts| *conflicts += 1);
        }
        if self.losing.load(Ordering::SeqCst) {
            return Err(LogError::storage("commit", "the connection is lost").into());
        }
        appended
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.reads.send_modify(|reads| *reads += 1);
        self.there()?;
        self.inner.read_stream(stream, after_version, limit).await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.there()?;
        self.lowest_read.fetch_min(after, Ordering::SeqCst);
        let mut shown = self.shown.subscribe();
        let shown = shown.wait_for(|shown| *shown > after).await;
        let shown = *shown.map_err(|_| LogError::Closed)?;
        let room = usize::try_from(shown - after).unwrap_or(usize::MAX);
        self.inner.read_all(after, limit.min(room)).await
    }

    async fn find_command(&self, id: Uuid) -> Result<Option<CommandEntry>, LogError> {
        self.there()?;
        let found = self.inner.find_command(id).await;
        self.looks.send_modify(|looks| *looks += 1);
        if *self.looks.borrow() == self.late.load(Ordering::SeqCst) {
            self.released.notified().await;
        }
        found
    }

    async fn head(&self) -> Result<u64, LogError> {
        self.there()?;
        self.inner.head().await
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.inner.wake()
    }

    fn in_work(&self, sessions: usize) {
        self.in_work.send_replace(sessions);
    }
}
