//! `[shutdown]`: how a process ends.

use std::time::Duration;

use super::reader::Reader;

/// What happens after SIGTERM or SIGINT.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long what runs may take to come to its end.
    pub drain_seconds: u32,
}

impl Shutdown {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("shutdown");
        Self {
            drain_seconds: reader.checked(
                "drain_seconds",
                10,
                |seconds| *seconds <= 3600,
                "0 to 3600",
            ),
        }
    }

    /// How long what runs may take to come to its end.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}
