//! A data directory seen from outside: by tools that look and change nothing, while
//! another process uses it or none.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use countersign_audit::{FileCheckpoints, SigningKey, VerifierKey};

use super::{DataDir, secrets};
use crate::failure::{Failure, Outcome};

/// A data directory that is not opened.
#[derive(Debug)]
pub(crate) struct ReadOnlyDir {
    root: PathBuf,
}

impl ReadOnlyDir {
    /// The directory, if it is one.
    pub(crate) fn open(root: &Path) -> Outcome<Self> {
        let directory = Self {
            root: root.to_owned(),
        };
        if directory.log().is_file() {
            return Ok(directory);
        }
        Err(Failure::usage(format!(
            "{} is no data directory: there is no events.db in it; name the one that `countersign \
             dev` uses with --data-dir",
            root.display()
        )))
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("events.db")
    }

    pub(crate) fn checkpoints(&self) -> FileCheckpoints {
        FileCheckpoints::new(self.root.join("checkpoints"))
    }

    /// The public half of the key that signs the checkpoints.
    pub(crate) fn verifier_key(&self) -> Outcome<VerifierKey> {
        let path = self.root.join(secrets::CHECKPOINT_PUBLIC_KEY);
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::data(format!(
                "cannot read {shown} ({error}): the key is made when `countersign dev` starts on \
                 the directory"
            ))
        })?;
        text.trim()
            .parse()
            .map_err(|error| Failure::data(format!("{shown}: {error}")))
    }

    /// Whether a process uses the directory.
    pub(crate) fn in_use(&self) -> bool {
        let Ok(lock) = File::open(self.root.join("lock")) else {
            return false;
        };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// The directory, locked, and the key that signs its checkpoints; none while
    /// another process uses it, or where the key is not.
    pub(crate) fn take_signing_key(&self) -> Outcome<Option<(DataDir, SigningKey)>> {
        if self.in_use() || !self.root.join(secrets::CHECKPOINT_KEY).exists() {
            return Ok(None);
        }
        let directory = DataDir::open(&self.root)?;
        let key = secrets::checkpoint_key(&self.root)?;
        Ok(Some((directory, key)))
    }
}
