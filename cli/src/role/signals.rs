//! What tells a process to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Outcome};

/// Cancels `stop` at the first SIGTERM or SIGINT, and ends the process at the
/// second.
pub(crate) fn listen(stop: CancellationToken) -> Outcome {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::internal)?;
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if again {
                tracing::warn!("told to end again: ending at once");
                std::process::exit(1);
            }
            stop.cancel();
        }
    });
    Ok(())
}
