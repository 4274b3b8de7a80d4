//! `[read_api]`: the query endpoints.

use std::net::{Ipv4Addr, SocketAddr};

use super::reader::Reader;

/// The role `read-api`.
#[derive(Debug, Clone)]
pub struct ReadApi {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many event streams may be open at once.
    pub max_streams: u32,
    /// Whether the console is served.
    pub console: bool,
}

impl ReadApi {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("read_api");
        Self {
            listen: reader.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8081))),
            max_streams: reader.checked(
                "max_streams",
                1000,
                |streams| (1..=100_000).contains(streams),
                "1 to 100000",
            ),
            console: reader.or("console", true),
        }
    }
}
