//! A log and its checkpoints in one file.
//!
//! The file is JSON lines, compressed with zstd (RFC 8878) in frames of their own; any
//! zstd tool unpacks it. In order:
//!
//! ```text
//! {"bundle":"countersign-audit","version":1,…}     the header
//! {"section":"checkpoints"}
//! {"note":"…"}                                      a signed checkpoint a line
//! {"section":"personal_keys"}                       only if keys are handed on
//! {"account":"…","key":"…"}                         the key to an account's personal data
//! {"section":"events"}
//! {"actor":"…",…}                                   an event a line, canonical
//! {"footer":{…}}                                    counts and root
//! ```
//!
//! Checkpoints come first, so that a reader knows at which sizes to compare roots
//! while the events go by. The file ends with a skippable frame that holds the
//! SHA-256 of all bytes before it: what was damaged on its way is told from what was
//! tampered with.
//!
//! A section that a reader does not know is refused by its name, never skipped.

mod read;
mod write;

pub use read::{BundleReader, Damage, Item, Lines};
pub use write::{BundleWriter, WriteError};

use countersign_domain::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::merkle::Hash;
use crate::note::VerifierKey;

/// What the header's `bundle` says.
pub const FORMAT: &str = "countersign-audit";

/// Version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Name of the section of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// Name of the section of keys to personal data. It need not be there.
pub const PERSONAL_KEYS: &str = "personal_keys";

/// Name of the section of events.
pub const EVENTS: &str = "events";

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// First line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub bundle: String,
    /// [`VERSION`].
    pub version: u32,
    /// Name of the program that wrote it, and its version.
    pub made_by: String,
    /// Which log.
    pub origin: String,
    /// Position of the first event: 1, for what an event means depends on those
    /// before it.
    pub from: u64,
    /// Position of the last event.
    pub to: u64,
    /// Keys of the log, as the bundle's maker says: pin your own.
    pub keys: Vec<VerifierKey>,
}

impl Header {
    /// A header of a bundle of the events 1 to `to`.
    pub fn new(made_by: &str, origin: &str, to: u64, keys: Vec<VerifierKey>) -> Self {
        Self {
            bundle: FORMAT.to_owned(),
            version: VERSION,
            made_by: made_by.to_owned(),
            origin: origin.to_owned(),
            from: 1,
            to,
            keys,
        }
    }
}

/// Begins a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name.
    pub section: String,
}

/// A line of the section of checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteLine {
    /// The signed note.
    pub note: String,
}

/// A line of the section of keys to personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLine {
    /// The account.
    pub(crate) account: AccountId,
    /// Its key, as hex.
    #[serde(with = "hex::serde")]
    pub(crate) key: [u8; 32],
}

impl std::fmt::Debug for KeyLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLine")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Last line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FooterLine {
    /// The footer.
    pub footer: Footer,
}

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// Number of events.
    pub events: u64,
    /// Number of checkpoints.
    pub checkpoints: u64,
    /// Root of the tree of all events.
    #[serde(with = "hex::serde")]
    pub root: Hash,
}

/// A skippable frame of 32 bytes (RFC 8878, section 3.1.2).
const TRAILER_HEAD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];

/// Length of the trailer.
const TRAILER: u64 = TRAILER_HEAD.len() as u64 + 32;
