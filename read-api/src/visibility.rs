//! Who may see which event. Decided here and nowhere else: everything that gives out
//! events of the log asks for each of them.

use std::fmt::Debug;
use std::sync::Arc;

use axum::http::HeaderMap;
use countersign_event_store::{Envelope, LogError, Owner, Owners, Recorded};

/// Tells viewers apart.
pub trait Visibility: Debug + Send + Sync {
    /// Who asks, by the headers of the request.
    fn viewer(&self, headers: &HeaderMap) -> Arc<dyn Viewer>;
}

/// Somebody who reads events.
pub trait Viewer: Debug + Send + Sync {
    /// Whether they may see an event that belongs to `owner`. One who may not learns
    /// nothing of it but that its position is taken.
    fn sees(&self, event: &Recorded, owner: &Owner) -> bool;

    /// Whether they see all there is, so that nobody needs to be asked for.
    fn sees_all(&self) -> bool {
        false
    }
}

/// No access control: everybody sees everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl Visibility for Everybody {
    fn viewer(&self, _: &HeaderMap) -> Arc<dyn Viewer> {
        Arc::new(Self)
    }
}

impl Viewer for Everybody {
    fn sees(&self, _: &Recorded, _: &Owner) -> bool {
        true
    }

    fn sees_all(&self) -> bool {
        true
    }
}

/// Those of the events that the viewer may see.
pub(crate) async fn visible(
    viewer: &dyn Viewer,
    owners: &Owners,
    events: Vec<Arc<Envelope>>,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    if viewer.sees_all() {
        return Ok(events);
    }
    let mut seen = Vec::with_capacity(events.len());
    for event in events {
        let owner = owners.of(&event).await?;
        if viewer.sees(&event.recorded(), &owner) {
            seen.push(event);
        }
    }
    Ok(seen)
}
