//! The way to NATS.

use std::sync::Arc;
use std::time::Duration;

use countersign_messaging::nats::{
    ConnectError, Credentials, FeedSettings, NatsBus, NatsConfig, NatsFeed, Storage, Tls,
};
use countersign_messaging::{Bus, BusError, FeedError};

use super::in_full;
use super::patience::{self, Attempt};
use super::process::Process;
use crate::config::{self, Config};
use crate::failure::{Failure, Kind, Outcome};

/// What the health calls it.
const NAME: &str = "NATS";

/// How to connect, by the configuration.
pub(crate) fn nats_config(config: &Config, name: &str) -> NatsConfig {
    let nats = &config.nats;
    let mut to = NatsConfig::new(nats.urls.clone());
    name.clone_into(&mut to.name);
    to.credentials = credentials(nats);
    to.tls = Tls {
        ca: nats.ca_file.clone(),
        cert: nats.cert_file.clone(),
        key: nats.key_file.clone(),
        required: nats.tls_required,
    };
    if let Some(prefix) = &nats.inbox_prefix {
        to.inbox_prefix.clone_from(prefix);
    }
    to
}

fn credentials(nats: &config::Nats) -> Credentials {
    if let Some(path) = &nats.credentials_file {
        Credentials::CredsFile(path.clone())
    } else if let Some(seed) = &nats.nkey_seed {
        Credentials::NkeySeed(seed.clone())
    } else if let (Some(user), Some(password)) = (&nats.user, &nats.password) {
        Credentials::UserPassword {
            user: user.clone(),
            password: password.clone(),
        }
    } else if let Some(token) = &nats.token {
        Credentials::Token(token.clone())
    } else {
        Credentials::None
    }
}

/// Connects, once NATS is there.
pub(super) async fn connect(process: &mut Process) -> Outcome<NatsBus> {
    let config = nats_config(&process.config, &process.replica);
    let bus = patience::until(NAME, &process.health, async || {
        NatsBus::connect(&config)
            .await
            .map_err(|error| judge(&error))
    })
    .await?;
    watch(process, &bus);
    process.bus = Some(bus.clone());
    Ok(bus)
}

/// Connects in the background where NATS is not there yet, for a role that is of use
/// without it.
pub(super) async fn connect_lazily(process: &mut Process) -> Outcome<NatsBus> {
    let mut config = nats_config(&process.config, &process.replica);
    config.retry_on_initial_connect = true;
    let bus = patience::until(NAME, &process.health, async || {
        NatsBus::connect(&config)
            .await
            .map_err(|error| judge(&error))
    })
    .await?;
    process.bus = Some(bus.clone());
    Ok(bus)
}

/// The feed of committed events, set up as the configuration says.
pub(super) async fn feed(process: &Process, bus: &NatsBus) -> Outcome<Arc<NatsFeed>> {
    let events = &process.config.events;
    let settings = FeedSettings {
        max_age: Duration::from_secs(u64::from(events.max_age_hours) * 3600),
        max_bytes: events.max_bytes,
        replicas: usize::try_from(events.replicas).unwrap_or(1),
        storage: match events.storage {
            config::Storage::File => Storage::File,
            config::Storage::Memory => Storage::Memory,
        },
    };
    let feed = patience::until("the event feed", &process.health, async || {
        NatsFeed::open(bus, settings.clone())
            .await
            .map_err(|error| match error {
                FeedError::Bus(error) => judge(&error),
                FeedError::Silent(_) => Attempt::NotYet(in_full(&error)),
                error => Attempt::Never(Failure::data(in_full(&error))),
            })
    })
    .await?;
    Ok(Arc::new(feed))
}

/// Keeps the health up with the connection.
fn watch(process: &mut Process, bus: &NatsBus) {
    let (health, mut connected) = (process.health.clone(), bus.connected());
    process.follow(async move {
        loop {
            if *connected.borrow_and_update() {
                health.has(NAME);
            } else {
                health.waits(NAME, "the connection is lost");
            }
            if connected.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    });
}

fn judge(error: &BusError) -> Attempt {
    let text = in_full(error);
    let cause = std::error::Error::source(error).and_then(|e| e.downcast_ref::<ConnectError>());
    match cause {
        Some(cause) if !cause.may_pass() => {
            let field = match cause {
                ConnectError::Url { .. } => "nats.urls",
                ConnectError::Credentials => "nats.user, nats.password and their like",
                _ => "nats",
            };
            let said = format!("{field}: {}", in_full(cause));
            Attempt::Never(Failure::new(Kind::Usage, said))
        }
        Some(cause) => Attempt::NotYet(in_full(cause)),
        None => Attempt::NotYet(text),
    }
}

/// The bus, for whoever takes any.
pub(super) fn shared(bus: &NatsBus) -> Arc<dyn Bus> {
    Arc::new(bus.clone())
}
