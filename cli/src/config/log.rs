//! `[log]`: what goes to stderr.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::Setting;

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is logged, such as `info` or `countersign_commands=debug,info`.
    pub filter: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const WHAT: &'static str = "`text` or `json`";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("log");
        Self {
            format: reader.or("format", LogFormat::Text),
            filter: reader.checked(
                "filter",
                "info,async_nats=warn".to_owned(),
                |filter| EnvFilter::try_new(filter).is_ok(),
                "a filter such as `info` or `countersign_commands=debug,info`",
            ),
        }
    }
}
