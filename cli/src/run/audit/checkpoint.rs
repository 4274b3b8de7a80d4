//! `countersign audit checkpoint`

use std::sync::Arc;

use countersign_audit::{Checkpointer, SignedCheckpoint, Source};
use countersign_event_store::SqliteReader;
use serde_json::json;

use crate::args::SourceArgs;
use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;

pub(super) async fn run(args: &SourceArgs, as_json: bool) -> Outcome {
    let directory = ReadOnlyDir::open(&args.data_dir)?;
    let files = directory.checkpoints();
    // Nobody signs while the lock is held here, so that there is one tree.
    if let Some((_lock, key)) = directory.take_signing_key()? {
        let reader = SqliteReader::open(directory.log())
            .await
            .map_err(Failure::data)?;
        let mut checkpointer = Checkpointer::open(&reader, key, Arc::new(files.clone()))
            .await
            .map_err(refused)?;
        let head = Source::head(&reader).await.map_err(Failure::data)?;
        checkpointer.advance(&reader, head).await.map_err(refused)?;
        checkpointer.sign().await.map_err(refused)?;
    }
    let newest = files.newest().map_err(Failure::data)?;
    let newest = newest.ok_or_else(|| {
        Failure::data(format!(
            "{} has no checkpoint: there are no events, or the process that uses the directory \
             has not signed any yet",
            args.data_dir.display()
        ))
    })?;
    let key = directory.verifier_key()?.to_string();
    if as_json {
        return output::json(&document(&newest, &key));
    }
    output::line(newest.to_string().trim_end())
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
fn refused(error: countersign_audit::CheckpointError) -> Failure {
    Failure::new(Kind::Data, error.to_string())
}
