//! What the stream of committed events keeps, and how.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde::{Deserialize, Deserializer};

use super::STREAM;
use crate::feed::FeedError;
use crate::subject;

/// How long the server remembers message ids, of which the relay gives none; no longer
/// than it keeps events.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What the stream of committed events keeps, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSettings {
    /// How long events are kept for followers that are away; 0 is for ever.
    #[serde(rename = "max_age_seconds", deserialize_with = "seconds")]
    pub max_age: Duration,
    /// How many bytes of events are kept; 0 is any number.
    pub max_bytes: u64,
    /// On how many servers of a cluster.
    pub replicas: usize,
    /// Where.
    pub storage: Storage,
}

/// Where a stream is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In files.
    #[default]
    File,
    /// In memory: gone when the server stops.
    Memory,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            max_bytes: 1 << 30,
            replicas: 1,
            storage: Storage::File,
        }
    }
}

impl FeedSettings {
    /// The stream that these settings ask for.
    pub(super) fn stream(&self) -> Config {
        let window = match self.max_age {
            Duration::ZERO => DUPLICATE_WINDOW,
            age => age.min(DUPLICATE_WINDOW),
        };
        Config {
            name: STREAM.to_owned(),
            subjects: vec![subject::events_all()],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_age: self.max_age,
            max_bytes: match self.max_bytes {
                0 => -1,
                bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
            },
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            num_replicas: self.replicas.max(1),
            storage: self.storage.into(),
            duplicate_window: window,
            description: Some("Committed events, in the order of the log.".to_owned()),
            ..Config::default()
        }
    }

    /// What to update a stream to; none when it is as it should be.
    ///
    /// # Errors
    /// When the stream is one that events cannot be relayed to in order.
    pub(super) fn update(&self, found: &Config) -> Result<Option<Config>, FeedError> {
        let wanted = self.stream();
        let unusable = |what: &str| {
            Err(FeedError::Setup(format!(
                "the stream {STREAM} {what}; it was not made by this program: remove it or \
                 rename it"
            )))
        };
        if found.retention != RetentionPolicy::Limits {
            return unusable("drops events that some follower has taken");
        }
        if found.discard != DiscardPolicy::Old {
            return unusable("refuses new events when it is full");
        }
        if found.no_ack || found.sealed || found.mirror.is_some() {
            return unusable("takes no publications with acknowledgement");
        }
        if found
            .sources
            .as_ref()
            .is_some_and(|sources| !sources.is_empty())
        {
            return unusable("takes events from other streams");
        }
        if found.storage != wanted.storage {
            return Err(FeedError::Setup(format!(
                "the stream {STREAM} is kept in {}, and the settings say {}: a stream cannot be \
                 moved; change the settings, or remove the stream to have every event relayed anew",
                name(found.storage),
                name(wanted.storage),
            )));
        }
        let same = found.subjects == wanted.subjects
            && found.max_age == wanted.max_age
            && unlimited(found.max_bytes) == unlimited(wanted.max_bytes)
            && unlimited(found.max_messages) == unlimited(wanted.max_messages)
            && unlimited(found.max_messages_per_subject)
                == unlimited(wanted.max_messages_per_subject)
            && found.num_replicas == wanted.num_replicas
            && found.duplicate_window == wanted.duplicate_window;
        if same {
            return Ok(None);
        }
        // What these settings say nothing about stays as an operator has set it.
        Ok(Some(Config {
            subjects: wanted.subjects,
            max_age: wanted.max_age,
            max_bytes: wanted.max_bytes,
            max_messages: wanted.max_messages,
            max_messages_per_subject: wanted.max_messages_per_subject,
            num_replicas: wanted.num_replicas,
            duplicate_window: wanted.duplicate_window,
            ..found.clone()
        }))
    }
}

/// The server reports "no limit" as -1, and some versions as 0.
fn unlimited(limit: i64) -> i64 {
    if limit <= 0 { -1 } else { limit }
}

fn name(storage: StorageType) -> &'static str {
    match storage {
        StorageType::File => "files",
        StorageType::Memory => "memory",
    }
}

impl From<Storage> for StorageType {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::File => Self::File,
            Storage::Memory => Self::Memory,
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
