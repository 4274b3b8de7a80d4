//! Where the log is, and how to connect to it.

use std::{str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use crate::LogError;

/// How to use a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Connections to read with. One more writes, and one follows what others append.
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
}

impl PostgresConfig {
    /// Ten connections, five seconds.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
        }
    }
}

/// An address that was understood.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    /// What to call it: without credentials.
    pub(super) name: String,
}

impl Address {
    /// Reads a URL. What is wrong with it is said without repeating any of it.
    pub(super) fn parse(url: &SecretString) -> Result<Self, LogError> {
        let url = url.expose_secret();
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(invalid("it does not begin with postgres://"));
        }
        let options = PgConnectOptions::from_str(url).map_err(|error| match error {
            sqlx::Error::Configuration(detail) => match detail.to_string() {
                // It quotes what it does not know, which may be anything.
                quoting if quoting.contains('"') => invalid("an option has an unknown value"),
                plain => invalid(&plain),
            },
            _ => invalid("it cannot be read"),
        })?;
        if options.get_database().is_none() {
            return Err(invalid("it names no database"));
        }
        let options = options.disable_statement_logging();
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("countersign"),
        };
        Ok(Self {
            name: name(&options),
            options,
        })
    }
}

fn name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("the database {database} at {}", socket.display()),
        None => format!(
            "the database {database} at {}:{}",
            options.get_host(),
            options.get_port()
        ),
    }
}

fn invalid(detail: &str) -> LogError {
    LogError::Address {
        detail: detail.to_owned(),
    }
}
