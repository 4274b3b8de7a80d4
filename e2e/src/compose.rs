//! `docker-compose.yml`, as far as the tests look at it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml_ng::Value;

/// The image of the services that run the binary `countersign`.
const IMAGE: &str = "countersign";

/// The file.
#[derive(Debug, Clone, Deserialize)]
pub struct Compose {
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// By name.
    pub secrets: BTreeMap<String, Secret>,
    /// By name; what is below a name does not matter here.
    pub volumes: BTreeMap<String, Value>,
    /// By name.
    pub networks: BTreeMap<String, Value>,
}

/// One service.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// What it runs.
    pub image: String,
    /// The arguments of the image's program.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Names of the secrets that it sees.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// `SOURCE:PATH` or `SOURCE:PATH:ro`.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Published ports.
    #[serde(default)]
    pub ports: Vec<String>,
    /// The networks that it is on.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Which others come first, and what they must have reached.
    #[serde(default)]
    pub depends_on: BTreeMap<String, Dependency>,
    /// Services of a profile start only when asked for.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// `USER:GROUP`.
    pub user: Option<String>,
    /// Whether the root file system is read-only.
    #[serde(default)]
    pub read_only: bool,
    /// What it gives up.
    #[serde(default)]
    pub cap_drop: Vec<String>,
    /// What it gives up for good.
    #[serde(default)]
    pub security_opt: Vec<String>,
    /// When it is started again.
    pub restart: Option<String>,
    /// How its health is found out.
    pub healthcheck: Option<Healthcheck>,
}

/// What another service must have reached.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// `service_started`, `service_healthy` or `service_completed_successfully`.
    pub condition: String,
}

/// A check of a service's health.
#[derive(Debug, Clone, Deserialize)]
pub struct Healthcheck {
    /// `CMD` and the command.
    pub test: Vec<String>,
}

/// A secret.
#[derive(Debug, Clone, Deserialize)]
pub struct Secret {
    /// The file on the host.
    pub file: PathBuf,
}

impl Service {
    /// Whether it runs the binary.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.image == IMAGE
    }

    /// Whether it stays up: it has a role.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.restart.as_deref() == Some("unless-stopped")
    }
}

impl Compose {
    /// Reads the file of this repository.
    ///
    /// # Panics
    /// When it is not there, or is not as expected.
    #[must_use]
    pub fn read() -> Self {
        let path = repository().join("docker-compose.yml");
        let text = std::fs::read_to_string(&path).expect("docker-compose.yml");
        Self::parse(&text)
    }

    /// Reads a compose file's text.
    ///
    /// # Panics
    /// When it is not as expected.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut value: Value = serde_yaml_ng::from_str(text).expect("YAML");
        // What is merged in may merge something in itself: one level each time.
        while has_merge(&value) {
            value.apply_merge().expect("merges of mappings");
        }
        serde_yaml_ng::from_value(value).expect("a compose file")
    }

    /// The services of the binary that stay up.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let ours = self.services.iter().filter(|(_, it)| it.is_ours());
        ours.filter(|(_, it)| it.stays())
            .map(|(name, _)| name.as_str())
    }

    /// The services of the binary that run once before the others, in an order that
    /// what they depend on allows.
    #[must_use]
    pub fn set_up(&self) -> Vec<&str> {
        let mut left: Vec<&str> = self
            .services
            .iter()
            .filter(|(_, it)| it.is_ours() && !it.stays() && it.profiles.is_empty())
            .map(|(name, _)| name.as_str())
            .collect();
        let mut order = vec![];
        while !left.is_empty() {
            let waits = |name: &&str| {
                let needed = self.services[*name].depends_on.keys();
                needed.into_iter().any(|it| left.contains(&it.as_str()))
            };
            let (later, next): (Vec<_>, Vec<_>) = left.iter().copied().partition(waits);
            assert!(!next.is_empty(), "services that wait for each other");
            order.extend(next);
            left = later;
        }
        order
    }
}

/// The root of this repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn has_merge(value: &Value) -> bool {
    match value {
        Value::Mapping(mapping) => mapping.contains_key("<<") || mapping.values().any(has_merge),
        Value::Sequence(sequence) => sequence.iter().any(has_merge),
        _ => false,
    }
}
