//! `[events]`: the stream that committed events are published to.

use super::reader::Reader;
use super::setting::Setting;

/// How much the stream `CS_EVENTS` keeps, and where. The event log keeps all;
/// what is here must last for as long as a party may be away.
#[derive(Debug, Clone)]
pub struct Events {
    /// How long an event is kept.
    pub max_age_hours: u32,
    /// The most bytes that are kept.
    pub max_bytes: u64,
    /// How many servers of a cluster keep each event: 1, 3 or 5.
    pub replicas: u32,
    /// Where the servers keep them.
    pub storage: Storage,
}

/// Where the stream is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In files: it outlives a restart of the server.
    File,
    /// In memory.
    Memory,
}

impl Setting for Storage {
    const WHAT: &'static str = "`file` or `memory`";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "file" => Some(Self::File),
            "memory" => Some(Self::Memory),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::File => "file".to_owned(),
            Self::Memory => "memory".to_owned(),
        }
    }
}

impl Events {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("events");
        Self {
            max_age_hours: reader.checked(
                "max_age_hours",
                168,
                |hours| (1..=87_600).contains(hours),
                "1 to 87600",
            ),
            max_bytes: reader.checked(
                "max_bytes",
                1 << 30,
                |bytes| (1 << 20..=1 << 50).contains(bytes),
                "1048576 or more",
            ),
            replicas: reader.checked(
                "replicas",
                1,
                |replicas| [1, 3, 5].contains(replicas),
                "1, 3 or 5",
            ),
            storage: reader.or("storage", Storage::File),
        }
    }
}
