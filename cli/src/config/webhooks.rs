//! `[webhooks]`: who is told of events, and where messages may go.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use countersign_webhooks::{Policy, Schedule, SealKey, SendSettings, authorities, parse_network};
use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;

/// The role `webhooks`.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where the endpoints listen that manage subscriptions.
    pub listen: SocketAddr,
    /// What secrets of subscriptions are sealed under, the same on all replicas:
    /// 32 bytes as 64 hex digits.
    pub secret_key: Option<SecretString>,
    /// Where messages may go, how they are sent, and when again.
    pub sending: Sending,
    /// How many events given up in a row disable a subscription.
    pub disable_after: u32,
    /// How many messages are under way at once.
    pub concurrency: u32,
    /// How many subscriptions there may be.
    pub max: u32,
}

/// How messages are sent.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Where they may go.
    pub policy: Policy,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long it may take all in all.
    pub timeout: Duration,
    /// Authorities besides the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
    /// When what was not taken is sent again.
    pub schedule: Schedule,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("webhooks");
        let webhooks = Self {
            listen: reader.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8082))),
            secret_key: reader.secret("secret_key"),
            sending: Sending::read(reader),
            disable_after: reader.checked(
                "disable_after",
                5,
                |events| (1..=1_000_000).contains(events),
                "1 to 1000000",
            ),
            concurrency: reader.checked(
                "concurrency",
                32,
                |messages| (1..=1000).contains(messages),
                "1 to 1000",
            ),
            max: reader.checked("max", 100, |all| (1..=1000).contains(all), "1 to 1000"),
        };
        if let Some(key) = &webhooks.secret_key
            && let Err(error) = SealKey::from_text(key.expose_secret())
        {
            reader.wrong_as_read("secret_key", &error.to_string());
        }
        webhooks
    }

    /// What secrets are sealed under.
    pub(crate) fn key(&self) -> Option<SealKey> {
        SealKey::from_text(self.secret_key.as_ref()?.expose_secret()).ok()
    }
}

impl Sending {
    fn read(reader: &mut Reader<'_>) -> Self {
        let seconds = |text: &Vec<String>| {
            let all = text.iter().map(|text| text.parse::<u32>());
            let all: Result<Vec<_>, _> = all.collect();
            all.is_ok_and(|all| !all.is_empty() && all.iter().all(|it| *it <= 7 * 86_400))
        };
        let default = Schedule::default();
        let as_text = |delay: &Duration| delay.as_secs().to_string();
        let delays: Vec<String> = default.delays.iter().map(as_text).collect();
        let delays = reader.checked(
            "retry_seconds",
            delays,
            seconds,
            "whole numbers up to 604800, at least one",
        );
        let delays = delays.iter().filter_map(|text| text.parse().ok());
        Self {
            policy: policy(reader),
            connect_timeout: Duration::from_millis(reader.checked(
                "connect_timeout_ms",
                5000,
                |ms| (100..=60_000).contains(ms),
                "100 to 60000",
            )),
            timeout: Duration::from_millis(reader.checked(
                "timeout_ms",
                15_000,
                |ms| (100..=120_000).contains(ms),
                "100 to 120000",
            )),
            ca_file: reader.optional("ca_file"),
            schedule: Schedule {
                delays: delays.map(Duration::from_secs).collect(),
                ..default
            },
        }
    }

    /// As the sender takes them.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub(crate) fn settings(&self) -> Result<SendSettings, String> {
        let mut settings = SendSettings {
            policy: self.policy.clone(),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            ..SendSettings::default()
        };
        if let Some(path) = &self.ca_file {
            let shown = path.display();
            let pem = std::fs::read(path)
                .map_err(|error| format!("webhooks.ca_file: cannot read {shown}: {error}"))?;
            settings.roots =
                authorities(&pem).map_err(|error| format!("webhooks.ca_file: {shown} {error}"))?;
        }
        Ok(settings)
    }
}

fn policy(reader: &mut Reader<'_>) -> Policy {
    let allow_http = reader.or("allow_http", false);
    let ports = reader.checked(
        "allow_ports",
        vec!["443".to_owned()],
        |all| all.iter().all(|text| ports(text).is_some()),
        "ports or ranges of them, such as 443 or 8000-8999",
    );
    let networks = reader.checked(
        "allow_networks",
        vec![],
        |all: &Vec<String>| all.iter().all(|text| parse_network(text).is_ok()),
        "networks, such as 10.0.0.0/8 or fd00::/8",
    );
    Policy {
        allow_http,
        allow_ports: ports.iter().filter_map(|text| self::ports(text)).collect(),
        allow_networks: networks
            .iter()
            .filter_map(|text| parse_network(text).ok())
            .collect(),
    }
}

/// Reads `443` or `8000-8999`.
pub(crate) fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (0 < first && first <= last).then_some(first..=last)
}
