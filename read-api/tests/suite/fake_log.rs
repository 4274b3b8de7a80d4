//! Logs that misbehave, and one that never has an event.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_event_store::{
    Append, AppendError, Appended, CommandEntry, Envelope, EventLog, LogError, StreamId,
};
use tokio::sync::watch;
use uuid::Uuid;

/// What becomes of every read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Empty,
    Failing,
    Panicking,
    /// Its head is at [`HEAD`], and nothing can be read.
    Unreadable,
}

/// Head of a log that is unreadable.
pub(crate) const HEAD: u64 = 5;

#[derive(Debug)]
pub(crate) struct FakeLog {
    mood: Mutex<Mood>,
    head: watch::Sender<u64>,
}

impl FakeLog {
    pub(crate) fn new(mood: Mood) -> Arc<Self> {
        let head = watch::Sender::new(0);
        let mood = Mutex::new(mood);
        Arc::new(Self { mood, head })
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().expect("not poisoned") = mood;
    }

    fn answer<T>(&self, empty: T) -> Result<T, LogError> {
        let mood = *self.mood.lock().expect("not poisoned");
        match mood {
            Mood::Empty => Ok(empty),
            Mood::Failing | Mood::Unreadable => {
                Err(LogError::storage("read", "the disk of /var/secret is gone"))
            }
            Mood::Panicking => panic!("the secret of /var/secret"),
        }
    }
}

#[async_trait]
impl EventLog for FakeLog {
    async fn append(&self, _: Append) -> Result<Appended, AppendError> {
        Err(LogError::Closed.into())
    }

    async fn read_stream(
        &self,
        _: &StreamId,
        _: u64,
        _: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.answer(vec![])
    }

    async fn read_all(&self, _: u64, _: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.answer(vec![])
    }

    async fn find_command(&self, _: Uuid) -> Result<Option<CommandEntry>, LogError> {
        self.answer(None)
    }

    async fn head(&self) -> Result<u64, LogError> {
        if *self.mood.lock().expect("not poisoned") == Mood::Unreadable {
            return Ok(HEAD);
        }
        self.answer(0)
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}
