//! How a command fails: one sentence on stderr and an exit code that scripts
//! can use.

use std::process::ExitCode;

use serde_json::{Value, json};

/// What kind of failure it is; the exit code says it to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A defect, or the operating system refused something.
    Internal = 1,
    /// Wrong arguments or input files.
    Usage = 2,
    /// The server refused the request.
    Refused = 3,
    /// The session ended without a result.
    Session = 4,
    /// The server cannot be reached, or says that it cannot answer now.
    Unavailable = 5,
    /// A vault, log or key file is damaged, locked, or does not fit its key.
    Data = 6,
    /// A receipt or signature did not verify.
    Verification = 7,
    /// An audit has found a fault: exit code 1, as of any check.
    Fault = 101,
}

impl Kind {
    fn code(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Session => "session",
            Self::Unavailable => "unavailable",
            Self::Data => "data",
            Self::Verification => "verification",
            Self::Fault => "fault",
        }
    }
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// The server's problem document.
    pub(crate) problem: Option<Value>,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            problem: None,
        }
    }

    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Usage, message.to_string())
    }

    pub(crate) fn data(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Data, message.to_string())
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Internal, message.to_string())
    }

    pub(crate) fn verification(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Verification, message.to_string())
    }

    /// What an audit has found.
    pub(crate) fn fault(message: impl std::fmt::Display) -> Self {
        Self::new(Kind::Fault, message.to_string())
    }

    pub(crate) fn report(&self, as_json: bool) {
        if as_json {
            let mut error = json!({ "kind": self.kind.code(), "message": self.message });
            if let Some(problem) = &self.problem {
                error["problem"] = problem.clone();
            }
            eprintln!("{}", json!({ "error": error }));
        } else {
            eprintln!("countersign: {}", self.message);
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Fault => 1,
            kind => kind as u8,
        })
    }
}
