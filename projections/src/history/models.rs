//! All read models as they were at a position.

use std::sync::Arc;

use countersign_event_store::{Decoder, ReadLog};

use super::PAGE;
use crate::fold::{Parked, batch};
use crate::{MemoryStore, Store as _, StoreError};

/// Folds all read models from the first event on, up to the one at `to`, into a store
/// of their own. Tells `progress` the position that it has come to; false calls it off.
///
/// # Errors
/// [`StoreError::Log`] when the log cannot be read, [`StoreError::Cancelled`] when it is
/// called off.
pub async fn models_at(
    log: &dyn ReadLog,
    decoder: &Decoder,
    to: u64,
    mut progress: impl FnMut(u64) -> bool,
) -> Result<Arc<MemoryStore>, StoreError> {
    let store = Arc::new(MemoryStore::new());
    let mut parked = Parked::new();
    let mut at = 0;
    while at < to {
        let left = usize::try_from(to - at).unwrap_or(PAGE).min(PAGE);
        let page = log.read_all(at, left).await?;
        let Some(last) = page.last() else { break };
        at = last.position;
        let events = decoder.decode_all(page);
        let batch = batch(&*store, &events, &mut parked).await?;
        store.commit(batch).await?;
        if !progress(at) {
            return Err(StoreError::Cancelled);
        }
    }
    Ok(store)
}
