//! A run of events folded into the changes of all projections.

use std::collections::BTreeMap;

use countersign_event_store::DecodedEvent;

use super::{Parked, Wanted, fold, wanted};
use crate::{Batch, Projection, Store, StoreError};

/// The changes of contiguous events to the rows of a store. `parked` takes the streams
/// that are parked from here on.
pub(crate) async fn batch(
    store: &dyn Store,
    events: &[DecodedEvent],
    parked: &mut Parked,
) -> Result<Batch, StoreError> {
    let mut all = Wanted::default();
    for projection in Projection::ALL {
        all.extend(wanted(projection, events, parked));
    }
    let mut loaded = store.load(&all).await?;
    let mut batch = Batch::default();
    if let (Some(first), Some(last)) = (events.first(), events.last()) {
        batch.after = first.recorded.position - 1;
        batch.checkpoint = last.recorded.position;
    }
    let mut bad = BTreeMap::new();
    for projection in Projection::ALL {
        let rows = loaded.take(projection);
        let folded = fold(projection, events, rows, parked);
        batch.changes.extend(folded.changes);
        bad.extend(folded.parked.into_iter().map(|it| (it.position, it)));
    }
    parked.extend(bad.values().map(|event| event.stream.clone()));
    batch.skipped = bad.into_values().collect();
    Ok(batch)
}
