//! Arguments of the roles and of the tools for those who run them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use countersign_domain::ids::PartyId;

use super::ServerArgs;
use crate::config::{Argument, Role, Sources};

/// Where the configuration comes from.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ConfigArgs {
    /// The configuration, as TOML; the environment wins over it.
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A field of the configuration, such as nats.urls=nats://127.0.0.1:4222; wins over
    /// all else.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// The sources, with more arguments of the command.
    pub(crate) fn sources(&self, more: Vec<Argument>) -> Sources {
        let set = self.set.iter().map(|(field, value)| Argument {
            field: field.clone(),
            value: value.clone(),
            flag: "--set",
        });
        Sources::of_process(self.config.clone(), set.chain(more).collect())
    }
}

fn field_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(field, value)| (field.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| "write FIELD=VALUE, such as log.filter=debug".to_owned())
}

fn argument(field: &str, flag: &'static str, value: Option<impl ToString>) -> Option<Argument> {
    value.map(|value| Argument {
        field: field.to_owned(),
        value: value.to_string(),
        flag,
    })
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Only tell what would be done; exits with 1 when there is something to do.
    #[arg(long)]
    pub(crate) check: bool,
}

/// A role that answers HTTP.
#[derive(Debug, ClapArgs)]
pub(crate) struct ListenArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

impl ListenArgs {
    /// The sources; `section` is the role's.
    pub(crate) fn sources(&self, section: &str) -> Sources {
        let field = format!("{section}.listen");
        let listen = argument(&field, "--listen", self.listen);
        self.config.sources(listen.into_iter().collect())
    }
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PartyArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PartyCommand>,
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// The pinned roster.
    #[arg(long, value_name = "FILE")]
    pub(crate) roster: Option<PathBuf>,
}

impl PartyArgs {
    pub(crate) fn sources(&self) -> Sources {
        let roster = self.roster.as_ref().map(|path| path.display());
        self.vault
            .sources_with(argument("roster", "--roster", roster))
    }
}

/// A party and its vault. The master key comes from the configuration.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct VaultArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The party's name.
    #[arg(long)]
    pub(crate) name: Option<PartyId>,
    /// Its vault.
    #[arg(long, value_name = "FILE")]
    pub(crate) vault: Option<PathBuf>,
    /// A file that holds the vault's master key.
    #[arg(long, value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
}

impl VaultArgs {
    pub(crate) fn sources(&self) -> Sources {
        self.sources_with(None)
    }

    fn sources_with(&self, more: Option<Argument>) -> Sources {
        let vault = self.vault.as_ref().map(|path| path.display());
        let key = self.master_key_file.as_ref().map(|path| path.display());
        let given = [
            argument("party.name", "--name", self.name.as_ref()),
            argument("party.vault", "--vault", vault),
            argument("master_key_file", "--master-key-file", key),
            more,
        ];
        self.config.sources(given.into_iter().flatten().collect())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PartyCommand {
    /// Make the party's vault, unless it is there, and print its public identity.
    Init {
        #[command(flatten)]
        vault: VaultArgs,
        /// Write the identity to this file too.
        #[arg(long, value_name = "FILE")]
        identity_out: Option<PathBuf>,
    },
    /// Print the public identity of a party, from its vault.
    Identity {
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// The parties, whether they are present and what they run.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RosterCommand {
    /// Make the roster file from the identities that `party init` printed.
    Assemble {
        /// Identity files, one for each party.
        #[arg(required = true, value_name = "IDENTITY")]
        identities: Vec<PathBuf>,
        /// The roster file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace a roster that differs.
        #[arg(long)]
        force: bool,
    },
    /// Show a roster and its fingerprint.
    Show {
        /// The roster file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionsCommand {
    /// The projections there are.
    List {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// How far each is, which version answers, what is parked.
    Status {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Build a projection anew beside the one that answers, then put it in its place.
    Rebuild {
        /// Its name, or `all`.
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Take a version away that `replay --into-projection` made.
    Drop {
        /// The projection.
        name: String,
        /// The version, as `projections list` tells it.
        version: u32,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Compute a projection from the log and report every row that differs.
    Verify {
        /// Its name; all of them unless given.
        name: Option<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong.
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// What the process is to be; without it only what is given is checked.
        #[arg(long)]
        role: Option<Role>,
    },
    /// The values that apply and where each came from; secrets are not shown.
    Show {
        #[command(flatten)]
        config: ConfigArgs,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Check what this role needs; without it, everything that is configured.
    #[arg(long)]
    pub(crate) role: Option<Role>,
}
