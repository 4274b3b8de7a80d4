//! How to reach NATS. Secrets are never printed, nor written back.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// How to reach NATS, and who to be there.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsConfig {
    /// The servers, as `nats://host:port` or `tls://host:port`. Credentials do not
    /// belong here.
    pub urls: Vec<String>,
    /// What the server shows for this connection.
    pub name: String,
    /// Who to be.
    pub credentials: Credentials,
    /// How to trust the server, and to be trusted.
    pub tls: Tls,
    /// How long one attempt to connect may take.
    #[serde(rename = "connect_timeout_ms", deserialize_with = "milliseconds")]
    pub connect_timeout: Duration,
    /// How long to wait for the connection before a publication or a request fails.
    #[serde(rename = "send_timeout_ms", deserialize_with = "milliseconds")]
    pub send_timeout: Duration,
    /// How often the server is asked whether it is there; after two questions
    /// without an answer the connection is made anew.
    #[serde(rename = "ping_interval_ms", deserialize_with = "milliseconds")]
    pub ping_interval: Duration,
    /// Where replies arrive; NATS permissions are granted on it.
    pub inbox_prefix: String,
    /// Messages that a subscription may be behind before it loses some.
    pub subscription_capacity: usize,
    /// Whether a server that cannot be reached yet is waited for in the background.
    /// Wrong URLs, credentials and certificates fail at once all the same.
    pub retry_on_initial_connect: bool,
}

/// Who to be for NATS.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credentials {
    /// Nobody: for servers that ask for nothing.
    #[default]
    None,
    /// A credentials file: a JWT and its nkey seed.
    CredsFile(PathBuf),
    /// An nkey seed.
    NkeySeed(SecretString),
    /// A file with an nkey seed.
    NkeySeedFile(PathBuf),
    /// A user and a password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A user, and a file with the password.
    UserPasswordFile {
        /// The user.
        user: String,
        /// The file.
        password_file: PathBuf,
    },
    /// A token.
    Token(SecretString),
    /// A file with a token.
    TokenFile(PathBuf),
}

/// TLS to NATS. A server that requires it is spoken to by TLS in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The authorities that are trusted, as PEM; without it those of the system.
    pub ca: Option<PathBuf>,
    /// This client's certificate, as PEM; with `key`.
    pub cert: Option<PathBuf>,
    /// The key of `cert`, as PEM.
    pub key: Option<PathBuf>,
    /// Refuses a server without TLS.
    pub required: bool,
}

impl NatsConfig {
    /// The defaults, for one or more servers.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            name: "countersign".to_owned(),
            credentials: Credentials::None,
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(5),
            send_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(10),
            inbox_prefix: "_INBOX".to_owned(),
            subscription_capacity: 65_536,
            retry_on_initial_connect: false,
        }
    }
}

impl fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| redacted(url)).collect();
        f.debug_struct("NatsConfig")
            .field("urls", &urls)
            .field("name", &self.name)
            .field("credentials", &self.credentials)
            .field("tls", &self.tls)
            .field("connect_timeout", &self.connect_timeout)
            .field("send_timeout", &self.send_timeout)
            .field("ping_interval", &self.ping_interval)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("subscription_capacity", &self.subscription_capacity)
            .field("retry_on_initial_connect", &self.retry_on_initial_connect)
            .finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::CredsFile(path) => f.debug_tuple("CredsFile").field(path).finish(),
            Self::NkeySeed(_) => f.write_str("NkeySeed([REDACTED])"),
            Self::NkeySeedFile(path) => f.debug_tuple("NkeySeedFile").field(path).finish(),
            Self::UserPassword { user, .. } => write!(f, "UserPassword({user:?}, [REDACTED])"),
            Self::UserPasswordFile {
                user,
                password_file,
            } => write!(f, "UserPasswordFile({user:?}, {password_file:?})"),
            Self::Token(_) => f.write_str("Token([REDACTED])"),
            Self::TokenFile(path) => f.debug_tuple("TokenFile").field(path).finish(),
        }
    }
}

/// A URL without what is before an `@`.
pub(super) fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.rsplit_once('@').map(|(_, host)| host);
    match host {
        Some(host) if scheme.is_empty() => format!("[REDACTED]@{host}"),
        Some(host) => format!("{scheme}://[REDACTED]@{host}"),
        None => url.to_owned(),
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let secrets = [
            Credentials::NkeySeed("swordfish".into()),
            Credentials::Token("swordfish".into()),
            Credentials::UserPassword {
                user: "alpha".to_owned(),
                password: "swordfish".into(),
            },
        ];
        for credentials in secrets {
            let mut config = NatsConfig::new(["nats://alpha:swordfish@nats:4222"]);
            config.credentials = credentials;
            let printed = format!("{config:?} {config:#?}");
            assert!(!printed.contains("swordfish"), "{printed}");
            assert!(printed.contains("nats:4222"), "{printed}");
        }
    }

    #[test]
    fn a_configuration_says_what_differs_and_nothing_unknown() {
        let said = serde_json::json!({
            "urls": ["tls://nats:4222"],
            "credentials": { "user_password": { "user": "alpha", "password": "secret" } },
            "tls": { "ca": "/ca.pem", "required": true },
            "connect_timeout_ms": 1500,
        });
        let config: NatsConfig = serde_json::from_value(said).unwrap();
        assert_eq!(config.connect_timeout, Duration::from_millis(1500));
        assert!(config.tls.required);
        assert!(matches!(
            config.credentials,
            Credentials::UserPassword { user, .. } if user == "alpha"
        ));
        for unknown in [
            serde_json::json!({ "url": "nats://x" }),
            serde_json::json!({ "tls": { "certificate": "x" } }),
            serde_json::json!({ "credentials": { "password": "x" } }),
            serde_json::json!({ "credentials": { "user_password": {
                "user": "a", "password": "b", "realm": "c"
            } } }),
        ] {
            assert!(serde_json::from_value::<NatsConfig>(unknown).is_err());
        }
    }
}
