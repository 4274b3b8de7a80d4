//! What can go wrong. No error carries a payload or a reserved value.

use std::{error::Error, sync::Arc};

use uuid::Uuid;

use crate::{ExpectedVersion, StreamId};

/// The log could not answer. Cloned to every caller that one failure concerns.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The storage failed.
    #[error("the event log failed: {operation}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// What is stored is not an event log, or not a whole one.
    #[error("{log} is not an intact event log: {detail}")]
    Damaged {
        /// Where the log lies: a path, or an address without credentials.
        log: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no event log yet.
    #[error("{log} holds no event log: run `countersign migrate` first")]
    NoSchema {
        /// Where it was looked for.
        log: String,
    },
    /// An older program has made the log.
    #[error(
        "{log} has schema version {found}, and this program needs {known}: \
         run `countersign migrate` first"
    )]
    OlderSchema {
        /// Where the log lies.
        log: String,
        /// Version of the stored schema.
        found: i64,
        /// Version needed here.
        known: i64,
    },
    /// A newer program has written the log.
    #[error(
        "{log} has schema version {found}, and this program knows {known} at most: \
         use the program that `countersign migrate` was run with"
    )]
    NewerSchema {
        /// Where the log lies.
        log: String,
        /// Version of the stored schema.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Another process, or another part of this one, has the log open.
    #[error("{log} is open elsewhere")]
    InUse {
        /// Where the log lies.
        log: String,
    },
    /// The address of the log is not one.
    #[error("the database URL is of no use: {detail}")]
    Address {
        /// What is wrong with it; nothing of the URL itself.
        detail: String,
    },
    /// Nobody answers at the address.
    #[error("{log} cannot be reached: {detail}")]
    Unreachable {
        /// Where the log should be.
        log: String,
        /// What was tried.
        detail: String,
    },
    /// The server does not let this program in.
    #[error("{log} refuses the credentials: {detail}")]
    Credentials {
        /// Where the log should be.
        log: String,
        /// What the server says.
        detail: String,
    },
    /// Names are reserved under another hash key.
    #[error(
        "the names in {log} were reserved under another hash key: give the one that this \
         deployment began with, or nobody would notice a name that is taken"
    )]
    OtherHashKey {
        /// Where the log lies.
        log: String,
    },
    /// A subscription met a position that does not follow the one before.
    #[error("position {found} follows position {after}")]
    Gap {
        /// The last position seen.
        after: u64,
        /// The position that came next.
        found: u64,
    },
    /// The log has been closed.
    #[error("the event log is closed")]
    Closed,
}

impl LogError {
    /// Whether the log is of no use any more, so that nothing is to be tried again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Closed | Self::Damaged { .. } | Self::Gap { .. })
    }

    /// A storage failure while doing `operation`.
    pub fn storage(
        operation: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Storage {
            operation,
            source: Arc::from(source.into()),
        }
    }
}

/// Why an append did not happen.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// A stream is not at the version expected.
    #[error("stream {stream} is at version {actual}, expected {expected}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the caller expected.
        expected: ExpectedVersion,
        /// Its version; 0 if it has no events.
        actual: u64,
    },
    /// Someone else holds a value that was to be reserved.
    #[error("the value is taken in {scope}")]
    Taken {
        /// The reservation's scope.
        scope: String,
    },
    /// The command id was used before, for another command.
    #[error("command {id} was used for something else")]
    CommandReused {
        /// The command's id.
        id: Uuid,
    },
    /// The append makes no sense, whatever the log holds.
    #[error("invalid append: {0}")]
    Invalid(String),
    /// The log failed. If the failure is a lost acknowledgement, the append may
    /// have happened; a retry with the same command finds out.
    #[error(transparent)]
    Log(#[from] LogError),
}
