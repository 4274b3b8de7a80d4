//! `[metrics]`: what monitoring reads.

use std::net::SocketAddr;

use super::reader::Reader;

/// The listener of `/metrics`, `/healthz` and `/readyz`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Where it listens; off unless set.
    pub listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("metrics");
        Self {
            listen: reader.optional("listen"),
        }
    }
}
