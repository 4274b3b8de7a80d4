//! Whom an event belongs to.

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::account::Account;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::KeyEvent;
use countersign_domain::session::SessionEvent;
use lru::LruCache;

use crate::{Decoded, Decoder, Envelope, EventLog, LogError, StreamId};

/// Streams whose owners are remembered, some 5 MB.
const REMEMBERED: NonZero<usize> = NonZero::new(32_768).expect("not zero");

/// The account, key and session that an event belongs to, as far as there are any.
///
/// A session belongs to the key that it makes or uses, and a key to its account; so
/// an event of a session has all three, one of a key has an account and a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Whose it is.
    pub account: Option<AccountId>,
    /// The key it is about.
    pub key: Option<KeyId>,
    /// The session it happened in.
    pub session: Option<SessionId>,
}

/// Tells the owners of events.
///
/// The first event of a stream names them. For those who follow the log it has just
/// been there; otherwise it is read once, and remembered while there is room.
#[derive(Debug)]
pub struct Owners {
    log: Arc<dyn EventLog>,
    decoder: Decoder,
    known: Mutex<LruCache<StreamId, Owner>>,
}

impl Owners {
    /// The owners of the events of a log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            decoder: Decoder::default(),
            known: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Decodes events of older versions too.
    #[must_use]
    pub fn with_decoder(self, decoder: Decoder) -> Self {
        Self { decoder, ..self }
    }

    /// Whom an event belongs to. An event whose stream begins with one that cannot be
    /// decoded belongs to nobody but its own aggregate.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub async fn of(&self, event: &Envelope) -> Result<Owner, LogError> {
        if event.stream.aggregate_type == Account::TYPE {
            // The stream's name says it.
            return Ok(Owner {
                account: event.stream.aggregate_id.parse().ok(),
                ..Owner::default()
            });
        }
        if event.version == 1 {
            return Ok(self.learn(event));
        }
        if let Some(owner) = self.known().get(&event.stream) {
            return Ok(*owner);
        }
        let first = self.log.read_stream(&event.stream, 0, 1).await?;
        Ok(first
            .first()
            .map(|first| self.learn(first))
            .unwrap_or_default())
    }

    fn learn(&self, first: &Envelope) -> Owner {
        let owner = self.read(first);
        self.known().put(first.stream.clone(), owner);
        owner
    }

    fn read(&self, first: &Envelope) -> Owner {
        let decoded = match self.decoder.decode(first) {
            Ok(decoded) => decoded,
            Err(error) => {
                let position = first.position;
                tracing::debug!(%error, position, "the owner of a stream is not known");
                return by_name(&first.stream);
            }
        };
        match decoded {
            Decoded::Key(key, KeyEvent::KeyRequested { facts, .. }) => Owner {
                account: Some(facts.account),
                key: Some(key),
                session: None,
            },
            Decoded::Session(session, event) => match *event {
                SessionEvent::SessionCreated { session: asked } => Owner {
                    account: Some(asked.account),
                    key: Some(asked.key),
                    session: Some(session),
                },
                _ => by_name(&first.stream),
            },
            _ => by_name(&first.stream),
        }
    }

    fn known(&self) -> MutexGuard<'_, LruCache<StreamId, Owner>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the name of a stream tells by itself.
fn by_name(stream: &StreamId) -> Owner {
    use countersign_domain::{key::Key, session::Session};
    let id = &stream.aggregate_id;
    match &*stream.aggregate_type {
        Key::TYPE => Owner {
            key: id.parse().ok(),
            ..Owner::default()
        },
        Session::TYPE => Owner {
            session: id.parse().ok(),
            ..Owner::default()
        },
        _ => Owner::default(),
    }
}
