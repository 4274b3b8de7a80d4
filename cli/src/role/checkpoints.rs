//! Signed checkpoints of the log: made by one projector, heard of by whoever answers
//! queries.

use std::sync::Arc;
use std::time::Duration;

use countersign_audit::{FileCheckpoints, Published, Publishing, Signer};
use countersign_event_store::{PostgresLeases, PostgresLog};
use countersign_messaging::{Bus, Headers, Payload, subject};
use tokio::sync::watch;
use tokio::time::timeout;

use super::patience::Backoff;
use super::process::Process;

/// How often the newest checkpoint is told again, to those who did not hear it.
const AGAIN: Duration = Duration::from_secs(2);

/// Signs the log's checkpoints, where there is a key, and tells the newest.
pub(super) fn sign(process: &mut Process, log: &Arc<PostgresLog>, bus: &Arc<dyn Bus>) {
    let config = &process.config.checkpoints;
    let (Some(key), Some(folder)) = (config.signing_key(), config.folder.clone()) else {
        tracing::warn!("no checkpoints of the log are signed: checkpoints.key is not set");
        return;
    };
    tracing::info!(key = %key.verifier(), "signs checkpoints, which this key verifies");
    let files = Arc::new(FileCheckpoints::new(folder));
    let store = Arc::new(Publishing::new(files, key.verifier().clone()));
    let newest = store.newest();
    let signer = Signer {
        log: log.clone(),
        key,
        store,
        pace: config.pace(),
        leases: Arc::new(PostgresLeases::new(log.pool().clone())),
        replica: process.replica.clone(),
    };
    // It signs what there is before the process ends.
    let stop = process.stop.clone();
    process.tasks.spawn(async move {
        signer.run(stop).await;
        Ok(())
    });
    let bus = bus.clone();
    process.follow(async move {
        tell(&*bus, newest).await;
        std::future::pending().await
    });
}

/// Ends when nobody signs any more.
async fn tell(bus: &dyn Bus, mut newest: watch::Receiver<Option<Published>>) {
    loop {
        let message = newest
            .borrow_and_update()
            .as_ref()
            .map(Published::to_message);
        if let Some(message) = message {
            let subject = subject::checkpoint();
            let told = bus.publish(&subject, Payload::from(message), Headers::new());
            if let Err(error) = told.await {
                // It is told again in a moment.
                tracing::debug!(%error, "a checkpoint is not told");
            }
        }
        if let Ok(Err(_)) = timeout(AGAIN, newest.changed()).await {
            return;
        }
    }
}

/// The newest checkpoint that others tell.
pub(super) fn hear(
    process: &mut Process,
    bus: &Arc<dyn Bus>,
) -> watch::Receiver<Option<Published>> {
    let (known, newest) = watch::channel(None);
    let trusted = process.config.checkpoints.trusted_key();
    let bus = bus.clone();
    process.follow(async move {
        let mut backoff = Backoff::default();
        loop {
            match bus.subscribe(&subject::checkpoint()).await {
                Ok(mut messages) => {
                    backoff = Backoff::default();
                    while let Some(message) = messages.next().await {
                        match Published::from_message(&message.payload, trusted.as_ref()) {
                            Ok(published) => take(&known, published),
                            Err(error) => tracing::warn!(%error, "a checkpoint is refused"),
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "checkpoints cannot be followed"),
            }
            backoff.pause().await;
        }
    });
    newest
}

/// Keeps it, if it goes on from the one that is known. The key of the first counts
/// until the process is started again, or a key is configured as trusted.
fn take(known: &watch::Sender<Option<Published>>, published: Published) {
    known.send_if_modified(|known| {
        let newer = known
            .as_ref()
            .is_none_or(|known| published.is_newer_than(known));
        if newer {
            *known = Some(published);
        }
        newer
    });
}

#[cfg(test)]
mod tests {
    use countersign_audit::{Checkpoint, SigningKey};
    use countersign_messaging::LocalBus;
    use zeroize::Zeroizing;

    use super::*;

    fn published(seed: u8, size: u64) -> Published {
        let key = SigningKey::new("log.example", &Zeroizing::new([seed; 32])).unwrap();
        let checkpoint = Checkpoint {
            origin: "log.example".into(),
            size,
            root: [0; 32],
            extensions: vec![],
        };
        Published {
            checkpoint: checkpoint.sign(&key).unwrap(),
            key: key.verifier().clone(),
        }
    }

    #[test]
    fn only_what_goes_on_from_the_known_one_is_taken() {
        let known = watch::Sender::new(None);
        for (seed, size, then) in [(1, 5, 5), (1, 4, 5), (2, 9, 5), (1, 6, 6)] {
            take(&known, published(seed, size));
            let now = known.borrow().clone().unwrap();
            assert_eq!(now.checkpoint.checkpoint().size, then, "{seed} {size}");
            assert_eq!(now.key, published(1, 1).key);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_late_hears_the_newest_again() {
        let bus = LocalBus::new();
        let (newest, told) = watch::channel(Some(published(1, 7)));
        let telling = {
            let bus = bus.clone();
            tokio::spawn(async move { tell(&bus, told).await })
        };
        tokio::time::sleep(AGAIN * 3).await;
        let mut messages = bus.subscribe(&subject::checkpoint()).await.unwrap();
        let message = messages.next().await.unwrap();
        let heard = Published::from_message(&message.payload, None).unwrap();
        assert_eq!(heard, published(1, 7));
        drop(newest);
        telling.await.unwrap();
    }
}
