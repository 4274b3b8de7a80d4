//! Why a command is refused or cannot be carried out.

use countersign_domain::account::AccountError;
use countersign_domain::intent::IntentError;
use countersign_domain::key::KeyError;
use countersign_domain::path::PathError;
use countersign_domain::session::SessionError;
use countersign_event_store::{AppendError, DecodeError, LogError};
use countersign_messaging::BusError;

/// A command that came to nothing; no event was left.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The intent itself.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// The intent is not by the account that the request names.
    #[error("the intent is by another account than the request names")]
    OtherAccount,
    /// The intent is for another kind of request, or about another thing.
    #[error("the intent's `{0}` does not fit this endpoint")]
    OtherRequest(&'static str),
    /// The account refuses.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The key refuses.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The session refuses.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// There is no such child key.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The `jti` names another request already.
    #[error("this `jti` names another request already: use a new one")]
    JtiReused,
    /// The user name or email is another account's.
    #[error("this {0} belongs to another account")]
    Taken(String),
    /// The roster is too small for the quorum.
    #[error("{asked} parties were asked for, and the roster has {there}")]
    RosterTooSmall {
        /// How many were asked for.
        asked: u8,
        /// How many there are.
        there: usize,
    },
    /// So many parties are banned with each other that none can sign together.
    #[error("no {0} parties of this key may sign together any more")]
    NoQuorum(u8),
    /// Others changed the same things all the time.
    #[error("too many changes at once: try again")]
    Contention,
    /// The log cannot be used now.
    #[error("the event log cannot be used now")]
    Log(#[from] LogError),
    /// Parties cannot be reached now.
    #[error("the bus cannot be used now")]
    Bus(#[from] BusError),
    /// Parties could not be reached for a while, so that no session is begun.
    #[error("the parties cannot be reached now: try again")]
    BusAway,
    /// A stored event cannot be understood.
    #[error("a stored event cannot be understood")]
    Decode(#[from] DecodeError),
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
}

impl CommandError {
    /// Whether it follows from the state of things, which may have been seen
    /// behind the log; the others are failures whatever the state.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::JtiReused
                | Self::Contention
                | Self::Log(_)
                | Self::Bus(_)
                | Self::BusAway
                | Self::Decode(_)
                | Self::Internal(_)
        )
    }

    /// Whether the same command may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Log(_) | Self::Contention | Self::Bus(_) | Self::BusAway
        )
    }
}

/// What an append came to, apart from conflicts, which are tried again.
pub(crate) enum AppendFailure {
    Conflict,
    Other(CommandError),
}

impl From<AppendError> for AppendFailure {
    fn from(error: AppendError) -> Self {
        Self::Other(match error {
            AppendError::Conflict { .. } => return Self::Conflict,
            AppendError::Taken { scope } => CommandError::Taken(scope),
            AppendError::CommandReused { .. } => CommandError::JtiReused,
            AppendError::Log(error) => CommandError::Log(error),
            other => CommandError::Internal(other.to_string()),
        })
    }
}
