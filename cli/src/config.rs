//! The configuration of the roles: defaults, then a TOML file, then the
//! environment, then arguments.
//!
//! Each section is a struct in a file of its own. The name of a field in the
//! environment is `COUNTERSIGN_` with the section and the field in capitals.
//! Invariants: a name that no field has is refused, wherever it is given; every
//! secret can be given as a file (`…_file`), and is never shown; an error says which
//! field is wrong, where it came from and what to do, and all of them are told.

mod checkpoints;
mod commands;
mod database;
mod events;
mod log;
mod metrics;
mod nats;
mod nearest;
mod party;
mod personal;
mod problem;
mod read_api;
mod reader;
mod required;
mod sessions;
mod setting;
mod shutdown;
mod sources;
mod webhooks;

use std::fmt;
use std::path::PathBuf;

use countersign_commands::SessionPolicy;
use countersign_parties::vault::MasterKey;
use figment::Figment;
use secrecy::{ExposeSecret as _, SecretString};

pub use checkpoints::Checkpoints;
pub use commands::Commands;
pub use database::Database;
pub use events::{Events, Storage};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use nats::Nats;
pub use party::Party;
pub use personal::Personal;
pub use problem::{ConfigError, Problem};
pub use read_api::ReadApi;
pub(crate) use reader::Field;
use reader::Reader;
pub use shutdown::Shutdown;
pub use sources::{Argument, Sources};
pub(crate) use webhooks::ports;
pub use webhooks::{Sending, Webhooks};

/// What a process of the production mode can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Sets up the database.
    Migrate,
    /// Takes commands and coordinates sessions.
    Commands,
    /// Keeps the read models.
    Projector,
    /// Answers queries.
    ReadApi,
    /// Holds shares and signs.
    Party,
    /// Delivers events to webhooks.
    Webhooks,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Migrate,
        Self::Commands,
        Self::Projector,
        Self::ReadApi,
        Self::Party,
        Self::Webhooks,
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Migrate => "migrate",
            Self::Commands => "commands",
            Self::Projector => "projector",
            Self::ReadApi => "read-api",
            Self::Party => "party",
            Self::Webhooks => "webhooks",
        })
    }
}

/// The whole configuration; each role uses its part.
#[derive(Debug, Clone)]
pub struct Config {
    /// PostgreSQL.
    pub database: Database,
    /// The bus.
    pub nats: Nats,
    /// The stream of committed events.
    pub events: Events,
    /// The role `commands`.
    pub commands: Commands,
    /// Personal data.
    pub personal: Personal,
    /// How long sessions may take.
    pub sessions: SessionPolicy,
    /// The role `read-api`.
    pub read_api: ReadApi,
    /// The role `party`.
    pub party: Party,
    /// Signed checkpoints of the log.
    pub checkpoints: Checkpoints,
    /// The role `webhooks`.
    pub webhooks: Webhooks,
    /// What monitoring reads.
    pub metrics: Metrics,
    /// What is logged.
    pub log: Log,
    /// How a process ends.
    pub shutdown: Shutdown,
    /// The master key of the party's vault.
    pub master_key: Option<SecretString>,
    /// The file with the parties' public identities.
    pub roster: Option<PathBuf>,
}

/// A configuration, and how it came about.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) fields: Vec<Field>,
    pub(crate) problems: Vec<Problem>,
}

impl Config {
    /// Reads the configuration of a role.
    ///
    /// # Errors
    /// Says all that is wrong, and all that the role needs and lacks.
    pub fn load(sources: &Sources, role: Role) -> Result<Self, ConfigError> {
        let loaded = Loaded::read(sources);
        let mut problems = loaded.problems.clone();
        problems.extend(loaded.missing(role));
        if problems.is_empty() {
            Ok(loaded.config)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// The master key, read.
    pub(crate) fn master_key(&self) -> Option<MasterKey> {
        let text = self.master_key.as_ref()?;
        MasterKey::from_text(text.expose_secret()).ok()
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let roster = reader.section("").optional("roster");
        let master_key = reader.secret("master_key");
        if let Some(key) = &master_key
            && let Err(error) = MasterKey::from_text(key.expose_secret())
        {
            reader.wrong_as_read("master_key", &error.to_string());
        }
        Self {
            database: Database::read(reader),
            nats: Nats::read(reader),
            events: Events::read(reader),
            commands: Commands::read(reader),
            personal: Personal::read(reader),
            sessions: sessions::read(reader),
            read_api: ReadApi::read(reader),
            party: Party::read(reader),
            checkpoints: Checkpoints::read(reader),
            webhooks: Webhooks::read(reader),
            metrics: Metrics::read(reader),
            log: Log::read(reader),
            shutdown: Shutdown::read(reader),
            master_key,
            roster,
        }
    }
}

impl Loaded {
    /// Reads everything; what is wrong is as by default, and told.
    pub(crate) fn read(sources: &Sources) -> Self {
        let mut problems = vec![];
        let figment = sources.merge(&field_names(), &mut problems);
        let mut reader = Reader::new(sources, &figment);
        let config = Config::read(&mut reader);
        problems.append(&mut reader.problems);
        Self {
            config,
            fields: reader.fields,
            problems,
        }
    }

    /// What is missing for a role. A field that is wrong is not said to be missing
    /// as well.
    pub(crate) fn missing(&self, role: Role) -> Vec<Problem> {
        let mut missing = required::missing(&self.config, role);
        missing.retain(|missing| !is_named(&self.problems, &missing.field));
        missing
    }

    /// For a command that needs these fields of a role and no others.
    pub(crate) fn only(&self, fields: &[&str]) -> Result<(), ConfigError> {
        let mut problems = self.problems.clone();
        let missing = Role::ALL.into_iter().flat_map(|role| self.missing(role));
        for missing in missing.filter(|missing| fields.contains(&missing.field.as_str())) {
            if !is_named(&problems, &missing.field) {
                problems.push(missing);
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems })
        }
    }
}

fn is_named(problems: &[Problem], field: &str) -> bool {
    let twin = format!("{field}_file");
    problems
        .iter()
        .any(|problem| problem.field == field || problem.field == twin)
}

/// The name of every field, such as `database.url`.
#[must_use]
pub fn field_names() -> Vec<String> {
    let (sources, figment) = (Sources::default(), Figment::new());
    let mut reader = Reader::new(&sources, &figment);
    Config::read(&mut reader);
    reader.fields.into_iter().map(|field| field.name).collect()
}

/// The name of every variable of the environment that some command takes.
#[must_use]
pub fn environment_names() -> Vec<String> {
    let others = sources::other_variables().map(ToOwned::to_owned);
    let fields = field_names();
    let fields = fields.iter().map(|field| sources::variable(field));
    fields.chain(others).collect()
}

#[cfg(test)]
mod tests;
