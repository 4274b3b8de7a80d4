//! Logs of the embedded mode.

use tracing_subscriber::EnvFilter;

/// Logs to stderr; `COUNTERSIGN_LOG` says what (default `info`).
pub(crate) fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber is refused, and the first one goes on.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
