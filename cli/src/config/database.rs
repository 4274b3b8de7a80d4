//! `[database]`: PostgreSQL, which has the event log and the read models.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;

/// Where the database is and how many connections a process opens.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which may hold a password.
    pub url: Option<SecretString>,
    /// The most connections that this process reads with.
    pub max_connections: u32,
    /// How long a request waits for a connection, in milliseconds.
    pub acquire_timeout_ms: u32,
}

impl Database {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("database");
        let url = reader.secret("url");
        if let Some(url) = &url {
            let url = url.expose_secret();
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                reader.wrong_as_read(
                    "url",
                    "is no URL of a PostgreSQL database: it must begin with postgres://",
                );
            }
        }
        Self {
            url,
            max_connections: reader.checked(
                "max_connections",
                16,
                |n| (2..=1000).contains(n),
                "2 to 1000",
            ),
            acquire_timeout_ms: reader.checked(
                "acquire_timeout_ms",
                5_000,
                |n| (100..=600_000).contains(n),
                "100 to 600000",
            ),
        }
    }

    /// How long a request waits for a connection.
    #[must_use]
    pub fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms.into())
    }
}
