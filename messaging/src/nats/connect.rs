//! From a configuration to a connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, ServerAddr};
use secrecy::{ExposeSecret as _, SecretString};

use super::config::{Credentials, NatsConfig, redacted};
use super::error::ConnectError;
use super::state::State;

/// The longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn connect(
    config: &NatsConfig,
    state: &Arc<State>,
) -> Result<Client, ConnectError> {
    let servers = servers(config)?;
    let options = options(config, state).await?;
    match options.clone().connect(&servers[..]).await {
        Ok(client) => Ok(client),
        Err(error) => {
            let error = ConnectError::from(error);
            if !(config.retry_on_initial_connect && error.may_pass()) {
                return Err(error);
            }
            tracing::warn!(%error, "waiting for NATS");
            let options = options.retry_on_initial_connect();
            Ok(options.connect(&servers[..]).await?)
        }
    }
}

fn servers(config: &NatsConfig) -> Result<Vec<ServerAddr>, ConnectError> {
    let wrong = |url: &str, reason: String| ConnectError::Url {
        url: redacted(url),
        reason,
    };
    if config.urls.is_empty() {
        return Err(ConnectError::Settings("no URL of a NATS server is given"));
    }
    let parse = |url: &String| {
        let server: ServerAddr = url
            .parse()
            .map_err(|error: std::io::Error| wrong(url, error.to_string()))?;
        if server.username().is_some() || server.password().is_some() {
            let reason = "credentials do not belong into the URL, but into `credentials`";
            return Err(wrong(url, reason.to_owned()));
        }
        if server.host().is_empty() {
            return Err(wrong(url, "it names no host".to_owned()));
        }
        if server.is_websocket() {
            let reason = "only `nats://` and `tls://` are spoken here";
            return Err(wrong(url, reason.to_owned()));
        }
        Ok(server)
    };
    config.urls.iter().map(parse).collect()
}

async fn options(config: &NatsConfig, state: &Arc<State>) -> Result<ConnectOptions, ConnectError> {
    let hearing = Arc::clone(state);
    let mut options = ConnectOptions::new()
        .name(&config.name)
        .connection_timeout(config.connect_timeout)
        .ping_interval(config.ping_interval)
        .custom_inbox_prefix(&config.inbox_prefix)
        .subscription_capacity(config.subscription_capacity.max(1))
        .require_tls(config.tls.required)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(8);
            Duration::from_millis(10 << doublings).min(LONGEST_PAUSE)
        })
        .event_callback(move |event| {
            let hearing = Arc::clone(&hearing);
            async move { hearing.hear(&event) }
        });
    let tls = &config.tls;
    if let Some(ca) = &tls.ca {
        readable("the CA file", ca).await?;
        options = options.add_root_certificates(ca.clone());
    }
    match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            readable("the client certificate", cert).await?;
            readable("the client key", key).await?;
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        (None, None) => {}
        _ => {
            let reason = "a client certificate and its key belong together: give both or none";
            return Err(ConnectError::Settings(reason));
        }
    }
    authenticate(options, &config.credentials).await
}

async fn authenticate(
    options: ConnectOptions,
    credentials: &Credentials,
) -> Result<ConnectOptions, ConnectError> {
    Ok(match credentials {
        Credentials::None => options,
        Credentials::CredsFile(path) => {
            let text = secret("the credentials file", path).await?;
            let unusable = |_| ConnectError::File {
                what: "the credentials file",
                path: path.clone(),
                // What is in it is secret, so the parser's words are not repeated.
                reason: "it holds no JWT with its nkey seed".to_owned(),
            };
            options
                .credentials(text.expose_secret())
                .map_err(unusable)?
        }
        Credentials::NkeySeed(seed) => nkey(options, seed),
        Credentials::NkeySeedFile(path) => {
            nkey(options, &secret("the nkey seed file", path).await?)
        }
        Credentials::UserPassword { user, password } => {
            options.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        Credentials::UserPasswordFile {
            user,
            password_file,
        } => {
            let password = secret("the password file", password_file).await?;
            options.user_and_password(user.clone(), password.expose_secret().to_owned())
        }
        Credentials::Token(token) => options.token(token.expose_secret().to_owned()),
        Credentials::TokenFile(path) => {
            let token = secret("the token file", path).await?;
            options.token(token.expose_secret().to_owned())
        }
    })
}

fn nkey(options: ConnectOptions, seed: &SecretString) -> ConnectOptions {
    options.nkey(seed.expose_secret().trim().to_owned())
}

async fn secret(what: &'static str, path: &Path) -> Result<SecretString, ConnectError> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| unreadable(what, path, &error))?;
    Ok(text.trim().to_owned().into())
}

async fn readable(what: &'static str, path: &Path) -> Result<(), ConnectError> {
    tokio::fs::File::open(path)
        .await
        .map(drop)
        .map_err(|error| unreadable(what, path, &error))
}

fn unreadable(what: &'static str, path: &Path, error: &std::io::Error) -> ConnectError {
    ConnectError::File {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
