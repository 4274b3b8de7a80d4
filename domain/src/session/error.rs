//! Why a session refuses a command.

use super::SessionStatus;
use crate::Timestamp;
use crate::ids::PartyId;
use crate::receipt::ReceiptError;
use crate::signature::SignatureError;

/// A refused session command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It exists already.
    #[error("this session exists already")]
    AlreadyCreated,
    /// It does not exist, or belongs to another account.
    #[error("there is no such session")]
    NotFound,
    /// What is asked for does not hang together.
    #[error("the session is malformed: {0}")]
    Malformed(&'static str),
    /// The status does not allow it.
    #[error("the session is {0}: it takes no such command")]
    Status(SessionStatus),
    /// Its deadline has passed.
    #[error("the session expired at {0}")]
    Expired(Timestamp),
    /// Its deadline has not passed.
    #[error("the session does not expire before {0}")]
    NotExpired(Timestamp),
    /// A party that was not invited.
    #[error("party `{0}` is not invited to this session")]
    NotInvited(PartyId),
    /// A party that is not among the signers of this attempt.
    #[error("party `{0}` is not among the signers of this attempt")]
    NotSelected(PartyId),
    /// The join token is another's.
    #[error("the join token of party `{0}` is wrong")]
    Token(PartyId),
    /// A command about another attempt than the one that runs.
    #[error("attempt {asked} is not the one that runs, {running}")]
    Attempt {
        /// The attempt in the command.
        asked: u32,
        /// The attempt that runs.
        running: u32,
    },
    /// The receipt is refused.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A report of another kind than the session makes.
    #[error("a {0} session takes no such report")]
    ReportKind(&'static str),
    /// The intent asks for something else.
    #[error("the intent does not authorise this command on this session")]
    WrongIntent,
}
