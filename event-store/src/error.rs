//! What can go wrong. No error carries a payload or a reserved value.

use std::{error::Error, path::PathBuf, sync::Arc};

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
    #[error("{} is not an intact event log: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer program has written the log.
    #[error("{} has schema version {found}, and this program knows {known} at most", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Version of the stored schema.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// Another process, or another part of this one, has the log open.
    #[error("{} is open elsewhere", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
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
