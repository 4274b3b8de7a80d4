//! Arguments of the tools for auditors.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::ConfigArgs;

const VERIFY_EXIT: &str = "Exit codes: 0 nothing is wrong, 1 something is (the first fault is \
printed), 2 the arguments or files cannot be used, 5 the server cannot be reached, 6 the \
data directory cannot be read.";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest signed checkpoint; sign one first when nothing else does.
    Checkpoint {
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Write the log, its checkpoints and keys into one file.
    Export {
        #[command(flatten)]
        source: SourceArgs,
        /// Where to write it; an export that was interrupted is gone on with.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Hand on the keys to personal data too: who has the file can then check, and
        /// read, what registrations say of a person, also after an erasure.
        #[arg(long)]
        with_personal_keys: bool,
    },
    /// Check a bundle, a proof, a data directory, a server's log or a database, trusting
    /// none: order, hashes, roots, signatures, and that everything recorded was asked
    /// for and could happen.
    #[command(after_help = VERIFY_EXIT)]
    Verify(VerifyArgs),
    /// Prove that an event is in the log that was signed, as JSON.
    Prove {
        /// Position of the event.
        position: u64,
        #[command(flatten)]
        source: ProofSource,
    },
}

/// Where the log is.
#[derive(Debug, ClapArgs)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// One of three.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// A data directory of `dev`, in use or not.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The read API of a server.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The database of the configuration and the folder of its checkpoints, as a
    /// projector has them.
    #[arg(long)]
    pub(crate) database: bool,
}

/// Where an event is proved from.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProofSource {
    #[command(flatten)]
    pub(crate) log: SourceArgs,
    /// A bundle of `audit export`.
    #[arg(long, value_name = "FILE", conflicts_with = "Place")]
    pub(crate) bundle: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// A bundle of `audit export`, a proof of `audit prove`, or the URL of a read API.
    #[arg(value_name = "BUNDLE|URL", conflicts_with = "Place",
        required_unless_present_any = ["data_dir", "url", "database"])]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: SourceArgs,
    /// A key of the log that you trust: name+hash+base64, or a file with it. Without
    /// one, the key in the bundle is believed, and the summary says so.
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) key: Vec<String>,
    /// A witness that must have cosigned: name+hash+base64, or a file with it.
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) witness: Vec<String>,
    /// A checkpoint that you have seen before: the log must still begin with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Leave out what the events mean, and the signatures in them.
    #[arg(long)]
    pub(crate) structure_only: bool,
}
