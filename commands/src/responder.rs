//! Answers the commands of parties.

use std::sync::Arc;
use std::time::Duration;

use countersign_messaging::{BusError, RequestStream, subject};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::metrics;
use crate::service::Commands;

/// How many commands of parties are worked on at once; more wait on the bus.
const AT_ONCE: usize = 256;

/// Any replica may answer.
const QUEUE: &str = "commands";

/// The first and the longest pause before the queue group is joined again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Answers for as long as it is polled, or until the bus cannot be used for that.
/// A subscription that ends is made again. Answers in the making are tasks in
/// `answering`.
pub(crate) async fn run(commands: Arc<Commands>, answering: &TaskTracker) -> BusError {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let subject = subject::session_commands();
    let (first, longest) = PAUSE;
    let mut pause = first;
    loop {
        let joined = Instant::now();
        match commands.bus.serve(&subject, QUEUE).await {
            Ok(requests) => {
                answer(&commands, requests, &slots, answering).await;
                tracing::info!("the commands of parties do not arrive any more; joining again");
            }
            Err(error @ BusError::Subject(_)) => return error,
            // A bus that is away is told of once, elsewhere.
            Err(_) if commands.bus_away().is_some() => {}
            Err(error) => tracing::warn!(%error, "the commands of parties do not arrive"),
        }
        // One that stood for a while was not refused.
        pause = if joined.elapsed() > longest {
            first
        } else {
            (pause * 2).min(longest)
        };
        tokio::time::sleep(pause).await;
    }
}

async fn answer(
    commands: &Arc<Commands>,
    mut requests: RequestStream,
    slots: &Arc<Semaphore>,
    answering: &TaskTracker,
) {
    while let Some(request) = requests.next().await {
        let slot = slots.clone().acquire_owned().await;
        metrics::party_commands(AT_ONCE - slots.available_permits());
        let (commands, slots) = (commands.clone(), slots.clone());
        answering.spawn(async move {
            let reply = commands.party_command(&request.payload).await;
            request.reply(reply.to_payload());
            drop(slot);
            metrics::party_commands(AT_ONCE - slots.available_permits());
        });
    }
}
