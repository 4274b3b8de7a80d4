//! Aggregates, loaded from the log and kept in a bounded cache.
//!
//! The cache may be behind the log. Appends say which versions they were decided
//! on, so a stale decision to do something is refused, dropped from the cache and
//! made again. A decision to do nothing appends nothing, so whoever makes one on
//! [`Freshness::Cached`] makes it again on [`Freshness::Present`].

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_domain::account::Account;
use countersign_domain::decider::{Decider, StoredEvent};
use countersign_domain::key::Key;
use countersign_domain::session::Session;
use countersign_event_store::{
    Append, AppendError, Appended, DecodeError, Decoder, Envelope, EventLog, ExpectedVersion,
    NewEvent, StreamAppend, StreamId,
};
use lru::LruCache;
use uuid::Uuid;

use crate::error::{AppendFailure, CommandError};
use crate::own::Own;

/// How many aggregates of each kind are kept.
const CACHED: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

/// How many events are read at once.
const PAGE: usize = 500;

/// How much of an aggregate's history must have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// What is in the cache: an append finds out whether that is all.
    Cached,
    /// All that the log has.
    Present,
}

/// An aggregate as of a version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded<A> {
    /// The state.
    pub(crate) state: A,
    /// Version of the stream's last event; 0 when there is none.
    pub(crate) version: u64,
    /// Position of the stream's last event.
    pub(crate) position: u64,
}

type Cache<A> = Mutex<LruCache<Uuid, Arc<Loaded<A>>>>;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Repository {
    log: Arc<dyn EventLog>,
    decoder: Decoder,
    accounts: Cache<Account>,
    keys: Cache<Key>,
    sessions: Cache<Session>,
    own: Own,
}

/// An aggregate that the repository has a cache for.
pub(crate) trait Cached: Decider {
    fn cache(repository: &Repository) -> &Cache<Self>;
}

impl Cached for Account {
    fn cache(repository: &Repository) -> &Cache<Self> {
        &repository.accounts
    }
}

impl Cached for Key {
    fn cache(repository: &Repository) -> &Cache<Self> {
        &repository.keys
    }
}

impl Cached for Session {
    fn cache(repository: &Repository) -> &Cache<Self> {
        &repository.sessions
    }
}

impl Repository {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            decoder: Decoder::default(),
            accounts: Mutex::new(LruCache::new(CACHED)),
            keys: Mutex::new(LruCache::new(CACHED)),
            sessions: Mutex::new(LruCache::new(CACHED)),
            own: Own::default(),
        }
    }

    /// The aggregate, from the cache or the log. One that does not exist has
    /// version 0.
    pub(crate) async fn load<A: Cached>(
        &self,
        id: Uuid,
        freshness: Freshness,
    ) -> Result<Arc<Loaded<A>>, CommandError> {
        let cached = self.cached::<A>(id);
        if let (Some(cached), Freshness::Cached) = (&cached, freshness) {
            return Ok(cached.clone());
        }
        let stream = StreamId::new(A::TYPE, id);
        let mut loaded = cached.unwrap_or_default();
        loop {
            let page = self.log.read_stream(&stream, loaded.version, PAGE).await?;
            if !page.is_empty() {
                let loaded = Arc::make_mut(&mut loaded);
                for envelope in &page {
                    loaded.take(&self.decoder, envelope)?;
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        if loaded.version > 0 {
            self.keep(id, loaded.clone());
        }
        Ok(loaded)
    }

    /// An aggregate that is about to be made, and so is not there unless somebody asked
    /// for it before: an append finds out. With [`Freshness::Present`] the log is asked.
    pub(crate) async fn load_new<A: Cached>(
        &self,
        id: Uuid,
        freshness: Freshness,
    ) -> Result<Arc<Loaded<A>>, CommandError> {
        match freshness {
            Freshness::Cached => Ok(self.cached::<A>(id).unwrap_or_default()),
            Freshness::Present => self.load(id, freshness).await,
        }
    }

    fn cached<A: Cached>(&self, id: Uuid) -> Option<Arc<Loaded<A>>> {
        let mut cache = A::cache(self)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cache.get(&id).cloned()
    }

    /// Takes an event that was committed, so that the cache follows the log.
    pub(crate) fn observe(&self, envelope: &Envelope) -> Result<(), DecodeError> {
        match envelope.stream.aggregate_type.as_ref() {
            Account::TYPE => self.follow::<Account>(envelope),
            Key::TYPE => self.follow::<Key>(envelope),
            Session::TYPE => self.follow::<Session>(envelope),
            _ => Ok(()),
        }
    }

    fn follow<A: Cached>(&self, envelope: &Envelope) -> Result<(), DecodeError> {
        let Ok(id) = Uuid::try_parse(&envelope.stream.aggregate_id) else {
            return Err(DecodeError::StreamId);
        };
        let mut next = match self.cached::<A>(id) {
            Some(cached) if cached.version + 1 == envelope.version => (*cached).clone(),
            None if envelope.version == 1 => Loaded::default(),
            // It missed something: nothing that comes would ever fit again.
            Some(cached) if cached.version < envelope.version => {
                drop(pop::<A>(self, id));
                return Ok(());
            }
            _ => return Ok(()),
        };
        next.take(&self.decoder, envelope)?;
        self.keep(id, Arc::new(next));
        Ok(())
    }

    /// Keeps the newer of what is there and what is given.
    fn keep<A: Cached>(&self, id: Uuid, loaded: Arc<Loaded<A>>) {
        let mut cache = A::cache(self)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if cache
            .peek(&id)
            .is_none_or(|there| there.version < loaded.version)
        {
            cache.put(id, loaded);
        }
    }

    /// Forgets an aggregate whose cached state was found stale.
    fn forget(&self, stream: &StreamId) {
        let Ok(id) = Uuid::try_parse(&stream.aggregate_id) else {
            return;
        };
        match stream.aggregate_type.as_ref() {
            Account::TYPE => drop(pop::<Account>(self, id)),
            Key::TYPE => drop(pop::<Key>(self, id)),
            Session::TYPE => drop(pop::<Session>(self, id)),
            _ => {}
        }
    }

    /// Appends. A conflict forgets what was stale; the caller decides anew.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendFailure> {
        let streams: Vec<_> = append.streams.iter().map(|s| s.stream.clone()).collect();
        let marked = self.own.mark(&append);
        match self.log.append(append).await {
            Ok(appended) => {
                if appended.duplicate {
                    self.own.unmark(&marked);
                }
                for envelope in &appended.events {
                    if let Err(error) = self.observe(envelope) {
                        tracing::error!(%error, "an event that was just written");
                    }
                }
                Ok(appended)
            }
            Err(error) => {
                self.own.unmark(&marked);
                // A conflict shows that something is stale; a failure of the log,
                // that it is not known what is there.
                if matches!(error, AppendError::Conflict { .. } | AppendError::Log(_)) {
                    for stream in &streams {
                        self.forget(stream);
                    }
                }
                Err(error.into())
            }
        }
    }

    /// What this replica appends itself.
    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    pub(crate) fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

fn pop<A: Cached>(repository: &Repository, id: Uuid) -> Option<Arc<Loaded<A>>> {
    let mut cache = A::cache(repository)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    cache.pop(&id)
}

impl<A: Cached> Loaded<A> {
    fn take(&mut self, decoder: &Decoder, envelope: &Envelope) -> Result<(), DecodeError> {
        self.state.evolve(&decoder.event::<A::Event>(envelope)?);
        self.version = envelope.version;
        self.position = envelope.position;
        Ok(())
    }

    /// The append of these events to this version of the stream; no events
    /// assert the version only.
    pub(crate) fn append(
        &self,
        id: Uuid,
        events: &[A::Event],
    ) -> Result<StreamAppend, CommandError> {
        Ok(StreamAppend {
            stream: StreamId::new(A::TYPE, id),
            expected: match self.version {
                0 => ExpectedVersion::NoStream,
                version => ExpectedVersion::Exact(version),
            },
            events: events.iter().map(stored).collect::<Result<_, _>>()?,
        })
    }
}

fn stored<E: StoredEvent>(event: &E) -> Result<NewEvent, CommandError> {
    let payload = serde_json::to_value(event)
        .map_err(|error| CommandError::Internal(format!("an event cannot be written: {error}")))?;
    Ok(NewEvent {
        event_type: event.name().to_owned(),
        event_version: event.version(),
        payload,
    })
}
