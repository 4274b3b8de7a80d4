//! Waiting for what is not there yet.

use std::time::Duration;

use super::health::Health;
use crate::failure::{Failure, Outcome};

/// The first pause; it doubles …
const FIRST: Duration = Duration::from_millis(100);

/// … up to this.
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses that grow.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It may go well later.
    NotYet(String),
    /// It will not.
    Never(Failure),
}

/// Tries until it goes well or never will. Says once what it waits for, and when
/// it is there.
pub(super) async fn until<T>(
    what: &'static str,
    health: &Health,
    mut attempt: impl AsyncFnMut() -> Result<T, Attempt>,
) -> Outcome<T> {
    let mut backoff = Backoff::default();
    let mut said = None;
    loop {
        match attempt().await {
            Ok(value) => {
                health.has(what);
                if said.is_some() {
                    tracing::info!("{what} is there");
                }
                return Ok(value);
            }
            Err(Attempt::Never(failure)) => return Err(failure),
            Err(Attempt::NotYet(reason)) => {
                if said.as_ref() != Some(&reason) {
                    tracing::warn!(%reason, "waiting for {what}");
                    health.waits(what, &reason);
                    said = Some(reason);
                }
                backoff.pause().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_yet_is_waited_for() {
        let health = Health::default();
        let mut tries = 0;
        let waited = until("the database", &health, async || {
            tries += 1;
            match tries {
                1..=20 => Err(Attempt::NotYet("refused".to_owned())),
                _ => Ok(tries),
            }
        });
        let told = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            health.reason()
        };
        let (waited, told) = tokio::join!(waited, told);
        assert_eq!(waited.expect("there"), 21);
        assert_eq!(told.as_deref(), Some("waiting for the database (refused)"));
        assert_eq!(health.reason(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_will_be_ends_the_wait() {
        let health = Health::default();
        let mut tries = 0;
        let waited: Outcome = until("the database", &health, async || {
            tries += 1;
            match tries {
                1 => Err(Attempt::NotYet("refused".to_owned())),
                _ => Err(Attempt::Never(Failure::usage("wrong password"))),
            }
        })
        .await;
        assert_eq!(waited.expect_err("never").message, "wrong password");
        assert_eq!(tries, 2);
    }
}
