//! Lanes that stand at the same place and take a page in one transaction.
//!
//! To begin, lock, move the checkpoint and commit costs more than what most pages
//! bring, so all lanes do it at once.

use countersign_event_store::DecodedEvent;

use super::Lane;
use crate::postgres::failure::failed;
use crate::postgres::{commit, load};
use crate::{StoreError, fold};

/// The most events of a page that is worth it. What larger ones bring is more than
/// what they share, and the lanes work on them side by side.
pub(in crate::postgres) const SMALL: usize = 256;

impl Lane {
    /// Folds a page into all lanes, or into none: then false, when they do not all
    /// stand where the first of them does.
    pub(in crate::postgres) async fn take_together(
        lanes: &mut [Self],
        page: &[DecodedEvent],
    ) -> Result<bool, StoreError> {
        let Some(first) = lanes.first() else {
            return Ok(true);
        };
        let events = first.new_events(page);
        let Some(last) = events.last() else {
            return Ok(lanes.iter().all(|lane| lane.new_events(page).is_empty()));
        };
        let (after, checkpoint) = (first.position, last.recorded.position);
        let failed = failed("committing a page");
        let mut transaction = first.pool.begin().await.map_err(&failed)?;
        let targets: Vec<_> = lanes.iter().map(|lane| lane.target).collect();
        if !commit::advance(&mut transaction, &targets, after, checkpoint).await? {
            return Ok(false);
        }
        let mut all = vec![];
        for lane in &*lanes {
            let projection = lane.target.projection;
            let wanted = fold::wanted(projection, events, &lane.parked);
            let loaded = load::load(&mut transaction, lane.target, &wanted).await?;
            let folded = fold::fold(projection, events, loaded, &lane.parked);
            commit::write(&mut transaction, lane.target, &folded).await?;
            all.push(folded);
        }
        transaction.commit().await.map_err(&failed)?;
        for (lane, folded) in lanes.iter_mut().zip(all) {
            folded.add_parked(&mut lane.parked);
            lane.position = checkpoint;
        }
        Ok(true)
    }
}
