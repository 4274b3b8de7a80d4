//! Why an account refuses a command.

use super::AccountStatus;

/// A refused account command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// It exists already.
    #[error("this auth key has registered an account already")]
    AlreadyRegistered,
    /// It does not exist.
    #[error("there is no such account")]
    NotFound,
    /// The status does not allow it.
    #[error("the account is {from}: it cannot become {to}")]
    Transition {
        /// The status now.
        from: AccountStatus,
        /// The status asked for.
        to: AccountStatus,
    },
    /// Its personal data are gone already.
    #[error("the account has been erased")]
    AlreadyErased,
    /// Its registration stands in the log in clear, and the log never changes.
    #[error(
        "the account was registered before personal data were sealed: they stand in the log and \
         cannot be erased from it"
    )]
    NotErasable,
    /// Only an active account makes keys and signs.
    #[error("the account is {0}: only an active account makes keys and signs")]
    NotActive(AccountStatus),
    /// The intent asks for something else.
    #[error("the intent's kind is {0}: it does not authorise this command")]
    WrongKind(&'static str),
}
