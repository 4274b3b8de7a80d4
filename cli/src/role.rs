//! The roles of the production mode: each a process of its own, any number of
//! replicas, over PostgreSQL and NATS.
//!
//! Invariants:
//!
//! - a role starts in any order: what is not there yet is waited for, and said once;
//!   what will not get better by waiting ends it with one error;
//! - told to end (SIGTERM, SIGINT), it takes no more work, gives what runs some time,
//!   hands back what it holds, and exits with 0; told again, it exits at once.

mod bus;
mod checkpoints;
mod commands;
mod database;
mod followers;
mod health;
mod late;
mod listen;
mod logging;
mod metrics;
mod party;
mod patience;
mod process;
mod projector;
mod read_api;
mod signals;
mod supervise;
mod vault;
mod webhooks;

use crate::config::{Config, Role, Sources};
use crate::failure::{Failure, Kind, Outcome};

pub(crate) use bus::nats_config;
pub(crate) use database::postgres_config;
pub(crate) use signals::listen as listen_for_signals;
pub(crate) use vault::PartyVault;

/// Takes commands and coordinates sessions.
pub(crate) fn commands(sources: &Sources) -> Outcome {
    let config = load(sources, Role::Commands)?;
    process::run(config, Role::Commands, commands::start)
}

/// Keeps the read models.
pub(crate) fn projector(sources: &Sources) -> Outcome {
    let config = load(sources, Role::Projector)?;
    process::run(config, Role::Projector, projector::start)
}

/// Answers queries.
pub(crate) fn read_api(sources: &Sources) -> Outcome {
    let config = load(sources, Role::ReadApi)?;
    process::run(config, Role::ReadApi, read_api::start)
}

/// Holds shares and signs.
pub(crate) fn party(sources: &Sources) -> Outcome {
    let config = load(sources, Role::Party)?;
    process::run(config, Role::Party, party::start)
}

/// Delivers events to webhooks.
pub(crate) fn webhooks(sources: &Sources) -> Outcome {
    let config = load(sources, Role::Webhooks)?;
    process::run(config, Role::Webhooks, webhooks::start)
}

/// The configuration of a role, or everything that is wrong with it.
pub(crate) fn load(sources: &Sources, role: Role) -> Outcome<Config> {
    Config::load(sources, role).map_err(|error| Failure::new(Kind::Usage, error.to_string()))
}

/// An error with all its causes, in one line.
pub(crate) fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
