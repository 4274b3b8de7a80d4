//! Answers the commands of parties.

use std::sync::Arc;

use countersign_messaging::{BusError, subject};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::service::Commands;

/// How many commands of parties are worked on at once; more wait on the bus.
const AT_ONCE: usize = 256;

/// Any replica may answer.
const QUEUE: &str = "commands";

/// Answers until the bus shuts down. Answers in the making are tasks in `answering`.
pub(crate) async fn run(commands: Arc<Commands>, answering: &TaskTracker) -> Result<(), BusError> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut requests = commands
        .bus
        .serve(&subject::session_commands(), QUEUE)
        .await?;
    while let Some(request) = requests.next().await {
        let slot = slots.clone().acquire_owned().await;
        let commands = commands.clone();
        answering.spawn(async move {
            let reply = commands.party_command(&request.payload).await;
            request.reply(reply.to_payload());
            drop(slot);
        });
    }
    Ok(())
}
