//! `countersign audit …`

mod checkpoint;
mod export;
mod prove;
mod server;
mod source;
mod verify;

use std::path::Path;

use crate::args::AuditCommand;
use crate::failure::{Failure, Outcome};

pub(super) fn run(command: &AuditCommand, json: bool) -> Outcome {
    match command {
        AuditCommand::Checkpoint { source } => wait(checkpoint::run(source, json)),
        AuditCommand::Export {
            source,
            out,
            with_personal_keys,
        } => wait(export::run(source, out, *with_personal_keys, json)),
        AuditCommand::Verify(args) => verify::run(args, json),
        AuditCommand::Prove { position, source } => prove::run(*position, source),
    }
}

/// Runs what waits for files, on this thread.
fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(Failure::internal)?.block_on(work)
}

/// Says which file it is that cannot be read.
fn readable(path: &Path) -> Outcome {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage(format!(
            "cannot read {}: {error}",
            path.display()
        ))),
    }
}
