//! `countersign audit checkpoint`

use std::path::Path;
use std::sync::Arc;

use countersign_audit::{Checkpointer, SignedCheckpoint, Source};
use countersign_event_store::SqliteReader;
use serde_json::json;

use super::source::OpenLog;
use crate::args::SourceArgs;
use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;

pub(super) async fn run(args: &SourceArgs, as_json: bool) -> Outcome {
    if let Some(root) = &args.place.data_dir {
        sign(root).await?;
    }
    let log = OpenLog::open(args).await?;
    let newest = log.newest().await?.ok_or_else(|| {
        Failure::data(
            "there is no checkpoint: there are no events, or the process that uses the directory \
             has not signed any yet",
        )
    })?;
    if as_json {
        return output::json(&document(&newest, &log.key.to_string()));
    }
    output::line(newest.to_string().trim_end())
}

/// Signs what is in a data directory, unless the process that uses it does.
async fn sign(root: &Path) -> Outcome {
    let directory = ReadOnlyDir::open(root)?;
    // Nobody signs while the lock is held here, so that there is one tree.
    if let Some((_lock, key)) = directory.take_signing_key()? {
        let reader = SqliteReader::open(directory.log())
            .await
            .map_err(Failure::data)?;
        let mut checkpointer = Checkpointer::open(&reader, key, Arc::new(directory.checkpoints()))
            .await
            .map_err(|error| refused(&error))?;
        let head = Source::head(&reader).await.map_err(Failure::data)?;
        checkpointer
            .advance(&reader, head)
            .await
            .map_err(|error| refused(&error))?;
        checkpointer.sign().await.map_err(|error| refused(&error))?;
    }
    Ok(())
}

fn document(signed: &SignedCheckpoint, key: &str) -> serde_json::Value {
    let checkpoint = signed.checkpoint();
    json!({
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": hex::encode(checkpoint.root),
        "key": key,
        "checkpoint": signed.to_string(),
    })
}

/// What the checkpointer refuses is a matter of the data.
fn refused(error: &countersign_audit::CheckpointError) -> Failure {
    Failure::new(Kind::Data, error.to_string())
}
