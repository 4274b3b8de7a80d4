//! Reads what other processes append, once for all who follow the log in this one, and
//! on a connection of its own: a pool tries each connection that comes back to it,
//! which would double the round trips.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::sync::{Mutex, MutexGuard};

use super::{RECENT, Shared, config::Address, link::Link, read};
use crate::{Envelope, LogError};

/// The connection, for whoever reads next.
pub(super) struct Newest(Mutex<Link>);

impl Newest {
    pub(super) fn new(address: Address, patience: Duration) -> Self {
        Self(Mutex::new(Link::new(address, patience)))
    }

    /// The connection, if nobody uses it now.
    pub(super) fn free(&self) -> Option<MutexGuard<'_, Link>> {
        self.0.try_lock().ok()
    }

    pub(super) async fn close(&self) {
        self.0.lock().await.cut();
    }
}

/// Up to `limit` events after a position: what of them is not in memory is read and
/// kept there, unless it is older than what memory holds.
pub(super) async fn events(
    shared: &Shared,
    after: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let recent = &shared.recent;
    let mut link = None;
    loop {
        // In one look: what is missing follows right after what is known.
        let found = recent.known(after, limit).filter(|_| limit <= RECENT);
        let Some((mut known, gap)) = found else {
            drop(link);
            return read::all(shared, after, limit).await;
        };
        let missing = limit - known.len();
        if missing == 0 {
            return Ok(known);
        }
        let Some(link) = &mut link else {
            link = Some(shared.newest.0.lock().await);
            // Whoever had it may have read what is missing.
            continue;
        };
        let missing = gap
            .amount
            .map_or(missing as u64, |it| it.min(missing as u64));
        let rows = link.ask("read the newest events", |connection| {
            read::rows(connection, gap.after, missing).boxed()
        });
        let read = read::envelopes(&shared.name, &rows.await?)?;
        let ends = (read.len() as u64) < missing;
        recent.add(read.iter().cloned());
        if ends {
            known.extend(read);
            return Ok(known);
        }
    }
}
