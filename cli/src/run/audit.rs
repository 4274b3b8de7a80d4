//! `countersign audit …`

mod checkpoint;
mod export;
mod prove;
mod source;
mod verify;

use crate::args::AuditCommand;
use crate::failure::{Failure, Outcome};

pub(super) fn run(command: &AuditCommand, json: bool) -> Outcome {
    match command {
        AuditCommand::Checkpoint { source } => wait(checkpoint::run(source, json)),
        AuditCommand::Export { source, out } => wait(export::run(source, out, json)),
        AuditCommand::Verify(args) => verify::run(args, json),
        AuditCommand::Prove {
            position,
            data_dir,
            bundle,
        } => prove::run(*position, data_dir.as_deref(), bundle.as_deref()),
    }
}

/// Runs what waits for files, on this thread.
fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(Failure::internal)?.block_on(work)
}
