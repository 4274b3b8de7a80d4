//! `countersign replay --into`: the read models as they were, folded from scratch.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use countersign_event_store::Decoder;
use countersign_projections::history::{Entity as _, models_at};
use countersign_projections::{MemoryStore, ReadModels, StoreError};
use serde::Serialize;
use serde_json::json;

use super::bar::Bar;
use crate::failure::{Failure, Kind, Outcome};
use crate::run::past_log::{PastLog, failed};
use crate::{files, output};

/// More than there can be.
const ALL: usize = usize::MAX - 1;

pub(super) async fn run(past: &PastLog, to: u64, folder: &Path, as_json: bool) -> Outcome {
    make(folder)?;
    let mut bar = Bar::new(as_json, false);
    let store = models_at(&*past.log, &Decoder::default(), to, |position| {
        bar.show(0, position, to);
        !past.stop.is_cancelled()
    })
    .await;
    bar.end();
    let store = store.map_err(|error| match error {
        StoreError::Cancelled => Failure::new(Kind::Internal, "told to end: nothing was written"),
        error => failed(&error),
    })?;
    let told = write(store, folder).await?;
    output::either(as_json, &told, |told| {
        let names = [
            "folder", "position", "accounts", "keys", "sessions", "parties", "parked",
        ];
        output::fields(told, &names)
    })
}

/// An empty folder.
fn make(folder: &Path) -> Outcome {
    let shown = folder.display();
    let cannot = |error| Failure::usage(format!("--into: cannot make {shown}: {error}"));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let mut entries = std::fs::read_dir(folder).map_err(cannot)?;
    if entries.next().is_some() {
        return Err(Failure::usage(format!(
            "--into: {shown} is not empty: name a folder that is, or a new one"
        )));
    }
    Ok(())
}

/// One file a read model, one line a row, in the order of their first events; and last
/// `position.json`, which says that all of it is there.
async fn write(store: std::sync::Arc<MemoryStore>, folder: &Path) -> Outcome<serde_json::Value> {
    let models = ReadModels::new(store);
    let (accounts, keys, sessions) = (
        models.list_accounts(&Default::default(), None, ALL).await,
        models.list_keys(&Default::default(), None, ALL).await,
        models.list_sessions(&Default::default(), None, ALL).await,
    );
    let accounts = accounts.map_err(|e| failed(&e))?.items;
    let keys = keys.map_err(|e| failed(&e))?.items;
    let sessions = sessions.map_err(|e| failed(&e))?.items;
    let parties = models.parties().await.map_err(|e| failed(&e))?;
    // Lists are newest first.
    lines(
        folder,
        "accounts",
        accounts.iter().rev().map(|row| row.show()),
    )?;
    lines(folder, "keys", keys.iter().rev().map(|row| row.show()))?;
    lines(
        folder,
        "sessions",
        sessions.iter().rev().map(|row| row.show()),
    )?;
    lines(folder, "parties", parties.iter().map(|row| &row.view))?;
    let mut timelines = vec![];
    for session in sessions.iter().rev() {
        let id = session.view.session_id;
        let entries = models.timeline(id).await.map_err(|e| failed(&e))?;
        timelines.push(json!({ "session_id": id, "entries": entries }));
    }
    lines(folder, "timelines", timelines)?;
    let status = models.status().await.map_err(|e| failed(&e))?;
    let told = json!({
        "folder": folder.display().to_string(),
        "position": status.position,
        "accounts": accounts.len(),
        "keys": keys.len(),
        "sessions": sessions.len(),
        "parties": parties.len(),
        "parked": status.skipped.count,
        "parked_events": status.skipped.events,
    });
    files::write_json(&folder.join("position.json"), &told)?;
    Ok(told)
}

fn lines(folder: &Path, name: &str, rows: impl IntoIterator<Item = impl Serialize>) -> Outcome {
    let path = folder.join(format!("{name}.jsonl"));
    let cannot =
        |error: std::io::Error| Failure::data(format!("cannot write {}: {error}", path.display()));
    let mut file = BufWriter::new(File::create(&path).map_err(cannot)?);
    for row in rows {
        serde_json::to_writer(&mut file, &row).map_err(|error| cannot(error.into()))?;
        file.write_all(b"\n").map_err(cannot)?;
    }
    let file = file
        .into_inner()
        .map_err(|error| cannot(error.into_error()))?;
    file.sync_all().map_err(cannot)
}
