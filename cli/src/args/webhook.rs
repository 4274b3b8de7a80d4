//! Arguments of `countersign webhook` and of the webhooks of `dev`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use clap::{Args as ClapArgs, Subcommand};
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_webhooks::{BadNetwork, Policy, SendSettings, parse_network};
use uuid::Uuid;

use super::event_type;

/// What `dev` lets webhooks do. An address inside is reached only when it is named.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct DevWebhookArgs {
    /// Address of the endpoints that manage webhooks.
    #[arg(
        long,
        default_value = "127.0.0.1:8082",
        env = "COUNTERSIGN_WEBHOOKS_LISTEN"
    )]
    pub(crate) webhooks_listen: SocketAddr,
    /// Let webhooks be http://, for trying things out.
    #[arg(long, env = "COUNTERSIGN_WEBHOOKS_ALLOW_HTTP")]
    pub(crate) webhooks_allow_http: bool,
    /// Ports that webhooks may have, such as 443,8000-8999.
    #[arg(
        long,
        value_name = "PORTS",
        value_delimiter = ',',
        default_value = "443",
        env = "COUNTERSIGN_WEBHOOKS_ALLOW_PORTS",
        value_parser = ports
    )]
    pub(crate) webhooks_allow_ports: Vec<RangeInclusive<u16>>,
    /// Networks that webhooks may reach although they are not public, such as
    /// 127.0.0.0/8.
    #[arg(
        long,
        value_name = "NETWORKS",
        value_delimiter = ',',
        env = "COUNTERSIGN_WEBHOOKS_ALLOW_NETWORKS",
        value_parser = network
    )]
    pub(crate) webhooks_allow_networks: Vec<String>,
}

impl DevWebhookArgs {
    /// How messages are sent.
    pub(crate) fn sending(&self) -> SendSettings {
        let networks = self.webhooks_allow_networks.iter();
        SendSettings {
            policy: Policy {
                allow_http: self.webhooks_allow_http,
                allow_ports: self.webhooks_allow_ports.clone(),
                allow_networks: networks.filter_map(|it| parse_network(it).ok()).collect(),
            },
            ..SendSettings::default()
        }
    }
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    crate::config::ports(text).ok_or_else(|| "write a port or a range, such as 8000-8999".into())
}

fn network(text: &str) -> Result<String, BadNetwork> {
    parse_network(text).map(|network| network.to_string())
}

/// Where webhooks are managed.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct WebhookServerArgs {
    /// Base URL of the endpoints that manage webhooks.
    #[arg(
        long,
        default_value = "http://127.0.0.1:8082",
        env = "COUNTERSIGN_WEBHOOKS_URL"
    )]
    pub(crate) url: String,
}

/// Which events. Values of one kind are alternatives, and kinds must all fit.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FilterArgs {
    /// Events of this name only; may be given again.
    #[arg(long = "type", value_name = "NAME", value_parser = event_type)]
    pub(crate) types: Vec<&'static str>,
    /// Events of this account, its keys and sessions only; may be given again.
    #[arg(long, value_name = "ID")]
    pub(crate) account: Vec<AccountId>,
    /// Events of this key and its sessions only; may be given again.
    #[arg(long, value_name = "ID")]
    pub(crate) key: Vec<KeyId>,
    /// Events of this session only; may be given again.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Vec<SessionId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Subscribe a URL to events; prints the secret that signs its messages, this once.
    Add {
        /// Where events go.
        target: String,
        #[command(flatten)]
        filter: FilterArgs,
        /// Begin with the event at this position [default: what is recorded from now on].
        #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
        from: Option<u64>,
        /// Its id: sent again with the same one, it makes no second webhook.
        #[arg(long, value_name = "UUID")]
        id: Option<Uuid>,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// The webhooks, and how far each has got.
    List {
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Show a webhook: how far it is, and what went wrong last.
    Show {
        /// The webhook.
        webhook: Uuid,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Deliver nothing until resumed; nothing is lost.
    Pause {
        /// The webhook.
        webhook: Uuid,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Deliver again, what is owed first; also one that was disabled.
    Resume {
        /// The webhook.
        webhook: Uuid,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Make another secret, and print it this once; the one before signs beside it for a
    /// while.
    RotateSecret {
        /// The webhook.
        webhook: Uuid,
        /// For how long, up to a week.
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 86_400,
            value_parser = clap::value_parser!(u64).range(0..=604_800)
        )]
        grace_seconds: u64,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Deliver again from a position on.
    Replay {
        /// The webhook.
        webhook: Uuid,
        /// The position of the first event.
        #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// The events that were given up.
    DeadLetters {
        /// The webhook.
        webhook: Uuid,
        /// Those after this position.
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Try once, now, to deliver an event that was given up.
    Redeliver {
        /// The webhook.
        webhook: Uuid,
        /// The event's position.
        position: u64,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Remove a webhook and its dead letters.
    Remove {
        /// The webhook.
        webhook: Uuid,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
    /// Send a message that only tries the way.
    Test {
        /// The webhook.
        webhook: Uuid,
        #[command(flatten)]
        server: WebhookServerArgs,
    },
}
