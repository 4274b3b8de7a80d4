//! The command line.

mod audit;
mod history;
mod operate;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use countersign_domain::bytes::Digest;
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::path::DerivationPath;
use countersign_event_store::{UnknownType, known_type};

pub(crate) use audit::{AuditCommand, ProofSource, SourceArgs, VerifyArgs};
pub(crate) use history::{DiffArgs, KindArg, LogArgs, ReplayArgs};
pub(crate) use operate::{
    ConfigArgs, ConfigCommand, DoctorArgs, ListenArgs, MigrateArgs, PartyArgs, PartyCommand,
    ProjectionsCommand, RosterCommand, VaultArgs,
};
pub(crate) use webhook::{DevWebhookArgs, FilterArgs, WebhookCommand, WebhookServerArgs};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 internal error, 2 wrong arguments or input, \
3 refused by the server, 4 the session ended without a result, 5 the server cannot be reached, \
6 damaged or locked data, 7 a receipt or signature did not verify. `audit verify` exits with 1 \
when it has found a fault.";

/// Threshold ECDSA keys that no machine ever holds whole, with every step on record.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Print JSON on stdout (and errors as JSON on stderr).
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key among separate parties, sign with it, verify, and show what was recorded.
    Demo(DemoArgs),
    /// Run the whole system in one process on a data directory.
    Dev(DevArgs),
    /// Accounts: create, show, suspend, reactivate, erase.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys: create, list, show, freeze, unfreeze.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign a message or digest with a key.
    Sign(SignArgs),
    /// Sessions: show, cancel.
    #[command(subcommand)]
    Session(SessionCommand),
    /// The event log, from any position.
    Events(EventsArgs),
    /// The events again: to stdout, NATS or into read models; or one thing as it was.
    Replay(Box<ReplayArgs>),
    /// What was made or changed between two positions or times, and how.
    Diff(DiffArgs),
    /// Proof of the event log: checkpoint, export, verify, prove.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Set up the database of a deployment, or bring it up to this version.
    Migrate(MigrateArgs),
    /// Role: take commands and coordinate sessions.
    Commands(ListenArgs),
    /// Role: keep the read models up to date.
    Projector(ConfigArgs),
    /// Role: answer queries.
    ReadApi(ListenArgs),
    /// Role: hold shares and sign; with a subcommand: init, identity, list.
    Party(PartyArgs),
    /// Role: deliver events to webhooks.
    Webhooks(ListenArgs),
    /// Webhooks: add, list, show, pause, resume, rotate-secret, replay, dead-letters,
    /// redeliver, remove, test.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// The roster of a deployment's parties: assemble, show.
    #[command(subcommand)]
    Roster(RosterCommand),
    /// The read models: list, status, rebuild, verify.
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// The configuration of the roles: check, show.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check everything that a deployment needs, and say how to mend what is wrong.
    Doctor(DoctorArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// How many parties must sign.
    #[arg(long, default_value_t = 2)]
    pub(crate) threshold: u8,
    /// How many parties hold a share.
    #[arg(long, default_value_t = 3)]
    pub(crate) parties: u8,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    /// Sign with the child key at this BIP32 path, for example m/44/60/0/0/0.
    #[arg(long, value_name = "PATH", default_value_t)]
    pub(crate) path: DerivationPath,
    /// How many signatures to make.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) signatures: u32,
    /// Where to keep everything; a temporary directory unless given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) master: MasterKeyArgs,
    /// Use running servers instead of starting everything here: the base URL of their
    /// command endpoints.
    #[arg(
        long,
        value_name = "URL",
        requires = "read_url",
        requires = "roster",
        conflicts_with = "data_dir"
    )]
    pub(crate) url: Option<String>,
    /// The base URL of their read API.
    #[arg(long, value_name = "URL", requires = "url")]
    pub(crate) read_url: Option<String>,
    /// The pinned roster that their receipts are checked against.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) roster: Option<PathBuf>,
}

/// What to sign. One of the three; the demo has a message of its own.
#[derive(Debug, ClapArgs)]
pub(crate) struct PayloadArgs {
    /// The message, as text.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["message_file", "digest"])]
    pub(crate) message: Option<String>,
    /// A file that holds the message.
    #[arg(long, value_name = "FILE", conflicts_with = "digest")]
    pub(crate) message_file: Option<PathBuf>,
    /// The 32-byte digest itself, in hex.
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<Digest>,
    /// How the message is hashed: keccak256, sha256, sha256d or eip191 [default: eip191].
    #[arg(long, value_name = "SCHEME")]
    pub(crate) hash: Option<HashScheme>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DevArgs {
    /// Where to keep everything.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR, env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// How many parties to run; more than at the last start adds some.
    #[arg(long, default_value_t = 3)]
    pub(crate) parties: u8,
    /// Address of the command endpoints.
    #[arg(long, default_value = "127.0.0.1:8080", env = "COUNTERSIGN_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// Address of the read API.
    #[arg(
        long,
        default_value = "127.0.0.1:8081",
        env = "COUNTERSIGN_READ_LISTEN"
    )]
    pub(crate) read_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) webhooks: DevWebhookArgs,
    #[command(flatten)]
    pub(crate) master: MasterKeyArgs,
}

/// The default data directory of `dev`, and where the client looks for its roster.
pub(crate) const DATA_DIR: &str = "countersign-data";

#[derive(Debug, ClapArgs)]
pub(crate) struct MasterKeyArgs {
    /// Master key of the parties' vaults: 32 bytes in hex or base64. Without one,
    /// each party's is generated into its own folder.
    #[arg(
        long,
        env = "COUNTERSIGN_MASTER_KEY",
        hide = true,
        hide_env_values = true
    )]
    pub(crate) master_key: Option<String>,
    /// A file that holds the master key.
    #[arg(
        long,
        value_name = "FILE",
        env = "COUNTERSIGN_MASTER_KEY_FILE",
        conflicts_with = "master_key"
    )]
    pub(crate) master_key_file: Option<PathBuf>,
}

/// Where the server is.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServerArgs {
    /// Base URL of the command endpoints.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "COUNTERSIGN_URL")]
    pub(crate) url: String,
    /// Base URL of the read API.
    #[arg(
        long,
        default_value = "http://127.0.0.1:8081",
        env = "COUNTERSIGN_READ_URL"
    )]
    pub(crate) read_url: String,
}

/// Who asks.
#[derive(Debug, ClapArgs)]
pub(crate) struct AuthArgs {
    /// The account's auth key file (a private JWK).
    #[arg(
        long,
        value_name = "FILE",
        default_value = "countersign-auth.jwk",
        env = "COUNTERSIGN_AUTH_KEY"
    )]
    pub(crate) auth_key: PathBuf,
    /// The account, when its auth key is not the one that registered it.
    #[arg(long, value_name = "ID", env = "COUNTERSIGN_ACCOUNT")]
    pub(crate) account: Option<AccountId>,
}

/// The client's own copy of the roster: what receipts are checked against.
#[derive(Debug, ClapArgs)]
pub(crate) struct RosterArgs {
    /// The pinned roster file. `dev` writes one into its data directory.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "countersign-data/roster.json",
        env = "COUNTERSIGN_ROSTER"
    )]
    pub(crate) roster: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WaitArgs {
    /// How many seconds to wait for the session to end; 0 returns at once.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=7200))]
    pub(crate) wait: u32,
    /// Name of the request: the same again returns the same result, never a second one.
    #[arg(long, value_name = "JTI")]
    pub(crate) request_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Register an account; makes the auth key file unless it exists.
    Create {
        /// Unique, 3 to 64 letters, digits, dots, dashes or underscores.
        #[arg(long)]
        username: String,
        /// Unique.
        #[arg(long)]
        email: String,
        /// Default threshold of the account's keys.
        #[arg(long, default_value_t = 2)]
        threshold: u8,
        /// Default number of parties of the account's keys.
        #[arg(long, default_value_t = 3)]
        parties: u8,
        /// Kind of auth key to make: ed25519 or es256k.
        #[arg(long, default_value = "ed25519", value_parser = ["ed25519", "es256k"])]
        key_type: String,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Show an account.
    Show {
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// No keys and signatures until reactivated.
    Suspend {
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Active again.
    Reactivate {
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Erase the account's personal data for good, and close it: its keys sign nothing
    /// any more.
    Erase {
        /// Really do it: nothing brings it back.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Generate a key among the parties and check every party's receipt.
    Create {
        /// How many parties must sign [default: the account's].
        #[arg(long)]
        threshold: Option<u8>,
        /// How many parties hold a share [default: the account's].
        #[arg(long)]
        parties: Option<u8>,
        /// The protocol.
        #[arg(long, default_value_t)]
        engine: EngineId,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        roster: RosterArgs,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// The account's keys.
    List {
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Show a key.
    Show {
        /// The key.
        key: KeyId,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// No signatures until unfrozen.
    Freeze {
        /// The key.
        key: KeyId,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Sign again.
    Unfreeze {
        /// The key.
        key: KeyId,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SignArgs {
    /// The key.
    #[arg(long, value_name = "ID")]
    pub(crate) key: KeyId,
    #[command(flatten)]
    pub(crate) payload: PayloadArgs,
    /// Sign with the child key at this BIP32 path, for example m/44/60/0/0/0.
    #[arg(long, value_name = "PATH", default_value_t)]
    pub(crate) path: DerivationPath,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) roster: RosterArgs,
    #[command(flatten)]
    pub(crate) auth: AuthArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Show a session, and draw how long it took for what.
    Show {
        /// The session.
        session: SessionId,
        /// Follow it until it ends.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Call a session off.
    Cancel {
        /// The session.
        session: SessionId,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EventsArgs {
    /// Start after this position.
    #[arg(long, default_value_t = 0)]
    pub(crate) after: u64,
    /// At most this many events.
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// Go on as new events come.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Follow events of this name only; may be given again.
    #[arg(long = "type", value_name = "NAME", requires = "follow", value_parser = event_type)]
    pub(crate) types: Vec<&'static str>,
    /// Follow events of this account, its keys and sessions only; may be given again.
    #[arg(long, value_name = "ID", requires = "follow")]
    pub(crate) account: Vec<AccountId>,
    /// Follow events of this key and its sessions only; may be given again.
    #[arg(long, value_name = "ID", requires = "follow")]
    pub(crate) key: Vec<KeyId>,
    /// Follow events of this session only; may be given again.
    #[arg(long, value_name = "ID", requires = "follow")]
    pub(crate) session: Vec<SessionId>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) fn event_type(name: &str) -> Result<&'static str, UnknownType> {
    known_type(name)
}

#[cfg(test)]
mod tests;
