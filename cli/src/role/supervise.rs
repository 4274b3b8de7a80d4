//! Work that goes on through what passes.

use std::error::Error;

use tokio_util::sync::CancellationToken;

use super::in_full;
use super::patience::Backoff;
use crate::failure::{Failure, Outcome};

/// Runs `work` until it ends well or fails for good; after a failure that may pass
/// it runs again.
pub(super) async fn supervise<E, F>(
    what: &'static str,
    stop: CancellationToken,
    may_pass: impl Fn(&E) -> bool,
    mut work: impl FnMut() -> F,
) -> Outcome
where
    E: Error + 'static,
    F: Future<Output = Result<(), E>>,
{
    let mut backoff = Backoff::default();
    loop {
        match work().await {
            Ok(()) => return Ok(()),
            Err(_) if stop.is_cancelled() => return Ok(()),
            Err(error) if may_pass(&error) => {
                tracing::error!(error = in_full(&error), "{what} failed and begins again");
            }
            Err(error) => return Err(Failure::data(in_full(&error))),
        }
        if stop.run_until_cancelled(backoff.pause()).await.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("passes: {0}")]
    struct Passes(bool);

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_through_what_passes_and_ends_with_what_does_not() {
        let stop = CancellationToken::new();
        let mut runs = 0;
        let ended = supervise(
            "it",
            stop,
            |Passes(passes)| *passes,
            || {
                runs += 1;
                std::future::ready(Err(Passes(runs < 5)))
            },
        )
        .await;
        assert_eq!(ended.expect_err("for good").message, "passes: false");
        assert_eq!(runs, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_fails_while_it_stops_has_ended() {
        let stop = CancellationToken::new();
        let ended = supervise(
            "it",
            stop.clone(),
            |_| true,
            || {
                stop.cancel();
                std::future::ready(Err(Passes(true)))
            },
        )
        .await;
        assert!(ended.is_ok());
    }
}
