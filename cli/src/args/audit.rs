//! Arguments of the tools for auditors.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

const VERIFY_EXIT: &str = "Exit codes: 0 nothing is wrong, 1 something is (the first fault is \
printed), 2 the arguments or files cannot be used, 6 the data directory cannot be read.";

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
    },
    /// Check a bundle, a proof or a data directory, offline: order, hashes, roots,
    /// signatures, and that everything recorded was asked for and could happen.
    #[command(after_help = VERIFY_EXIT)]
    Verify(VerifyArgs),
    /// Prove that an event is in the log that was signed, as JSON.
    Prove {
        /// Position of the event.
        position: u64,
        /// A data directory of `dev`, in use or not.
        #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR")]
        data_dir: Option<PathBuf>,
        /// A bundle.
        #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
        bundle: Option<PathBuf>,
    },
}

/// Where the log is.
#[derive(Debug, ClapArgs)]
pub(crate) struct SourceArgs {
    /// A data directory of `dev`, in use or not.
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// A bundle of `audit export`, or a proof of `audit prove`.
    #[arg(required_unless_present = "data_dir")]
    pub(crate) file: Option<PathBuf>,
    /// Check a data directory of `dev` itself, in use or not.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub(crate) data_dir: Option<PathBuf>,
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
