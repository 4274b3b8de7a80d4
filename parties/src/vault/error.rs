//! What can go wrong with a vault. Every message names the file and what to do,
//! and none has a secret in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_domain::ids::{KeyId, PartyId, SessionId};

/// Why the vault refused or could not do something.
///
/// It can be cloned because all the changes of one commit fail together.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file is whole, but was sealed under another master key.
    #[error(
        "the master key is not the one the vault {} was made with: \
         give the party its own master key", path.display()
    )]
    WrongMasterKey {
        /// The vault's file.
        path: PathBuf,
    },
    /// The file is another party's.
    #[error(
        "the vault {} belongs to party `{found}`, not to `{expected}`: \
         give each party a vault file of its own", path.display()
    )]
    WrongParty {
        /// The vault's file.
        path: PathBuf,
        /// Whose it is.
        found: PartyId,
        /// Who asked.
        expected: PartyId,
    },
    /// The file was cut off, changed, or is no vault.
    #[error(
        "the vault {} is damaged ({detail}): stop the party and put back the last copy \
         of the file", path.display()
    )]
    Damaged {
        /// The vault's file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A newer version of this program wrote it.
    #[error(
        "the vault {} has {what} version {found} and this build reads up to {known}: \
         run the newer version that wrote it", path.display()
    )]
    NewerVersion {
        /// The vault's file.
        path: PathBuf,
        /// Which of its encodings is newer.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The newest version that this build reads.
        known: u32,
    },
    /// The file is locked.
    #[error(
        "the vault {} is in use by another process: stop the other one, a party runs once",
        path.display()
    )]
    InUse {
        /// The vault's file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error(
        "cannot access the vault {}: check that its folder exists, that the party may write \
         there and that the disk has space, then start the party again", path.display()
    )]
    Io {
        /// The vault's file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another share is stored where this one should go.
    #[error(
        "the vault {} has another share of key {key}, epoch {epoch}: discard that one first \
         if its key generation failed", path.display()
    )]
    ShareExists {
        /// The vault's file.
        path: PathBuf,
        /// The key.
        key: KeyId,
        /// Its epoch.
        epoch: u32,
    },
    /// There is no such share.
    #[error(
        "the vault {} has no share of key {key}, epoch {epoch}: store the share before its \
         receipt", path.display()
    )]
    NoShare {
        /// The vault's file.
        path: PathBuf,
        /// The key.
        key: KeyId,
        /// Its epoch.
        epoch: u32,
    },
    /// A result for a session that was never begun.
    #[error(
        "the vault {} has no attempt of session {session}: begin an attempt before its result",
        path.display()
    )]
    NotBegun {
        /// The vault's file.
        path: PathBuf,
        /// The session.
        session: SessionId,
    },
    /// A second result, different from the first.
    #[error(
        "the vault {} has another result of session {session}: answer with the stored one",
        path.display()
    )]
    OtherResult {
        /// The vault's file.
        path: PathBuf,
        /// The session.
        session: SessionId,
    },
}

impl VaultError {
    pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// The database's error. What it calls corrupted is damage; what the system
    /// says is passed on.
    pub(super) fn database(path: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse {
                path: path.to_owned(),
            },
            redb::Error::Io(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Self::damaged(path, error.to_string())
                }
                _ => Self::io(path, error),
            },
            redb::Error::PreviousIo => {
                Self::io(path, io::Error::other("an earlier write to it failed"))
            }
            other => Self::damaged(path, other.to_string()),
        }
    }
}

/// Why an attempt may not begin.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// This attempt, or a later one of the session, was begun before.
    #[error(
        "attempt {attempt} of session {session}, or a later one, was begun before: \
         round state is used once, start the next attempt"
    )]
    AlreadyBegun {
        /// The session.
        session: SessionId,
        /// The attempt asked for.
        attempt: u32,
    },
    /// The session was begun for another digest.
    #[error("session {session} was begun for another digest: a session signs one thing only")]
    OtherDigest {
        /// The session.
        session: SessionId,
    },
    /// The session has its result.
    #[error("session {session} is finished: answer with its stored result")]
    Finished {
        /// The session.
        session: SessionId,
    },
    /// The vault could not say, or could not keep it.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
