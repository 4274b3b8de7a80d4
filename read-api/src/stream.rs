//! `GET /v1/events/stream`: the log as server-sent events.
//!
//! One task of the process follows the log, as long as anybody listens, and writes
//! every event down once, in [`ring::Ring`]. A client is no more than a position and a
//! filter: it takes from the ring what comes after its position, and reads pages of
//! the log when the ring does not go back so far, after it connected or because it
//! was slow. What is not taken is kept nowhere, so no client costs memory by being
//! slow, and none misses an event or sees one twice: positions have no gaps.

mod batch;
mod client;
mod follower;
mod handle;
mod hub;
mod ring;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use handle::{event_type, handle};
pub(crate) use hub::Hub;

/// How event streams are given out.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// How many there may be at once.
    pub max_clients: usize,
    /// How long a stream may be silent: then it tells its position, or that it lives.
    pub heartbeat: Duration,
    /// Ends all streams when cancelled; clients come back with their position.
    pub stop: CancellationToken,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            max_clients: 1000,
            heartbeat: Duration::from_secs(15),
            stop: CancellationToken::new(),
        }
    }
}
