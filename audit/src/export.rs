//! Writes a log into a bundle.

use std::path::Path;

use countersign_event_store::LogError;

use crate::bundle::{BundleWriter, Footer, Header, WriteError};
use crate::checkpoint::SignedCheckpoint;
use crate::source::{PersonalKeyMap, Source};

/// How many events are read at once.
const PAGE: usize = 1000;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What was begun is of another log.
    #[error(
        "{path}.part was begun from another log, or with other keys: remove it, or export to \
         another file"
    )]
    OtherLog {
        /// The bundle.
        path: String,
    },
}

/// A bundle that was written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its header.
    pub header: Header,
    /// Its footer.
    pub footer: Footer,
    /// The position after which an unfinished export was gone on with, if one was.
    pub resumed_after: Option<u64>,
}

/// Writes the events that `header` announces, and these checkpoints, into a bundle at
/// `target`. An export that was interrupted is gone on with: its own header and
/// checkpoints stay. `progress` hears the position now and then.
///
/// # Errors
///
/// [`ExportError`]; what was written so far stays, to be gone on with.
pub async fn export(
    source: &dyn Source,
    target: &Path,
    header: Header,
    checkpoints: &[SignedCheckpoint],
    progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let keys = PersonalKeyMap::new();
    export_with_keys(source, target, header, checkpoints, &keys, progress).await
}

/// The same, with keys to the personal data of accounts: who has the bundle can read
/// them then, and goes on to after they were erased.
///
/// # Errors
///
/// [`ExportError`]; what was written so far stays, to be gone on with.
pub async fn export_with_keys(
    source: &dyn Source,
    target: &Path,
    header: Header,
    checkpoints: &[SignedCheckpoint],
    keys: &PersonalKeyMap,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let begun = BundleWriter::resume(target)?;
    let resumed_after = begun.as_ref().map(BundleWriter::position);
    let mut writer = match begun {
        Some(writer) => writer,
        None => BundleWriter::create_with_keys(target, &header, checkpoints, keys)?,
    };
    let other_log = || ExportError::OtherLog {
        path: target.display().to_string(),
    };
    let same = writer.header().origin == header.origin && writer.header().keys == header.keys;
    if !same || !follows(source, &writer).await? {
        return Err(other_log());
    }
    let header = writer.header().clone();
    while writer.position() < header.to {
        let left = header.to - writer.position();
        let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
        let page = source.read(writer.position(), limit).await?;
        if page.is_empty() {
            // The log is shorter than it was.
            return Err(other_log());
        }
        for event in page {
            writer.event(&event)?;
        }
        progress(writer.position(), header.to);
    }
    let footer = writer.finish()?;
    Ok(Exported {
        header,
        footer,
        resumed_after,
    })
}

/// Whether the last event written is the one that the log has there.
async fn follows(source: &dyn Source, writer: &BundleWriter) -> Result<bool, LogError> {
    let Some(before) = writer.position().checked_sub(1) else {
        return Ok(true);
    };
    let last = source.read(before, 1).await?;
    Ok(last
        .first()
        .is_some_and(|event| event.hash() == writer.last()))
}
