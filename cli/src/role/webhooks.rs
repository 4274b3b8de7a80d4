//! The role `webhooks`: manages subscriptions, and one process at a time delivers.
//!
//! It needs the database and the way out, and neither the bus nor a roster: so it looks
//! at the log by itself.

use std::sync::Arc;

use countersign_event_store::{EventLog as _, PostgresLeases};
use countersign_webhooks::{
    PostgresWebhooks, SystemClock, Webhooks, WebhooksConfig, router as endpoints,
};

use super::late::Late;
use super::process::Process;
use super::{database, listen};
use crate::clock::entropy;
use crate::failure::{Failure, Outcome};

/// How often the log is looked at.
const LOOK: std::time::Duration = std::time::Duration::from_millis(250);

pub(super) async fn start(process: &mut Process) -> Outcome {
    let config = process.config.webhooks.clone();
    let Some(key) = config.key() else {
        return Err(Failure::internal("the configuration was not checked"));
    };
    let send = config.sending.settings().map_err(Failure::usage)?;
    let listener = listen::listen(config.listen, "webhooks.listen").await?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    let late = Late::default();
    let waiting = late.router(process.health.clone());
    listen::serve(&mut process.tasks, &process.stop, listener, waiting);
    tracing::info!(%address, "listening");

    let log = database::open(process).await?;
    let looked_at = log.clone();
    process.follow(async move {
        loop {
            // Whoever reads the log tells of failures.
            let _ = looked_at.head().await;
            tokio::time::sleep(LOOK).await;
        }
    });
    let pool = log.pool().clone();
    let webhooks = Arc::new(Webhooks::new(WebhooksConfig {
        log,
        store: Arc::new(PostgresWebhooks::new(pool.clone())),
        leases: Arc::new(PostgresLeases::new(pool)),
        replica: process.replica.clone(),
        key,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(entropy::<16>),
        send,
        schedule: config.sending.schedule.clone(),
        disable_after: config.disable_after,
        concurrency: config.concurrency,
        max: config.max,
    }));
    let (delivering, stop) = (webhooks.clone(), process.stop.clone());
    process.tasks.spawn(async move {
        delivering.run(stop).await;
        Ok(())
    });
    late.put(endpoints(webhooks));
    Ok(())
}
