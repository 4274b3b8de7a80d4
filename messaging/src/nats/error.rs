//! Why there is no connection, told apart in words.

use std::path::PathBuf;

use async_nats::ConnectErrorKind;
use async_nats::rustls;

use crate::bus::BusError;

/// Why NATS could not be connected to. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No URL, or one that cannot be used.
    #[error("`{url}` is not a URL of a NATS server: {reason}")]
    Url {
        /// The URL, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file with credentials or certificates cannot be used.
    #[error("{what} `{}` cannot be used: {reason}", path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration contradicts itself.
    #[error("{0}")]
    Settings(&'static str),
    /// The host has no address.
    #[error("the NATS server's name cannot be resolved ({0}): check the URL's host")]
    Name(#[source] async_nats::ConnectError),
    /// Nothing listens there.
    #[error("the NATS server refuses connections ({0}): is it running, and is the port right?")]
    Refused(#[source] async_nats::ConnectError),
    /// The server knows no such user, or the password, token or signature is wrong.
    #[error("the NATS server does not accept these credentials")]
    Credentials,
    /// A TLS handshake failed.
    #[error("TLS with the NATS server failed: {0}")]
    Tls(String),
    /// No answer in time.
    #[error("the NATS server did not answer in time")]
    Timeout,
    /// Anything else.
    #[error("the connection to NATS failed ({0})")]
    Other(#[source] async_nats::ConnectError),
}

impl ConnectError {
    /// Whether it may pass without a change of the configuration.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Name(_) | Self::Refused(_) | Self::Timeout | Self::Other(_)
        )
    }
}

impl From<ConnectError> for BusError {
    fn from(error: ConnectError) -> Self {
        Self::Connection(Box::new(error))
    }
}

impl From<async_nats::ConnectError> for ConnectError {
    fn from(error: async_nats::ConnectError) -> Self {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                return Self::Credentials;
            }
            ConnectErrorKind::TimedOut => return Self::Timeout,
            ConnectErrorKind::Dns => return Self::Name(error),
            ConnectErrorKind::Tls => return Self::Tls(reason(&error)),
            _ => {}
        }
        match io(&error) {
            Some(cause) if tls(cause).is_some() => {
                Self::Tls(tls(cause).map(ToString::to_string).unwrap_or_default())
            }
            Some(cause) if cause.kind() == std::io::ErrorKind::ConnectionRefused => {
                Self::Refused(error)
            }
            _ => Self::Other(error),
        }
    }
}

fn io<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

fn tls(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
