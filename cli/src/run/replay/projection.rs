//! `countersign replay --into-projection`: tables of the past, beside those that answer.

use std::io::ErrorKind;
use std::path::Path;

use countersign_projections::postgres::{PastVersion, PastVersions, drop_past};
use countersign_projections::{Projection, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::ReplayArgs;
use crate::failure::{Failure, Kind, Outcome};
use crate::run::past_log::{PastLog, failed};
use crate::run::projections::bar::Bar;
use crate::run::projections::projections;
use crate::{files, output};

/// Which versions a replay fills, for the one that goes on with it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    projections: Vec<PastVersion>,
}

pub(super) async fn run(
    args: &ReplayArgs,
    past: &PastLog,
    to: u64,
    name: &str,
    as_json: bool,
) -> Outcome {
    let which = projections(name)?;
    let database = past.database.clone().ok_or_else(|| {
        Failure::internal("a replay into a projection has the database of a deployment")
    })?;
    let filler = PastVersions::new(past.log.clone(), database.clone()).rate(args.rate);
    let begun = match &args.resume {
        Some(path) => begun(path, &which)?,
        None => None,
    };
    let versions = match begun {
        Some(versions) => versions,
        None => {
            let made = filler.create(&which).await.map_err(|e| failed(&e))?;
            if let Some(path) = &args.resume
                && let Err(error) = note(path, &made)
            {
                drop_all(&database, &made).await;
                return Err(error);
            }
            made
        }
    };
    let mut bar = Bar::new(as_json);
    let filled = filler.fill(&versions, to, |progress| bar.show(&progress), &past.stop);
    let filled = filled.await;
    bar.end();
    match filled {
        Ok(filled) => {
            let told = json!({ "to": to, "projections": filled });
            output::either(as_json, &told, text)
        }
        Err(error) => Err(match (&args.resume, error) {
            (Some(path), StoreError::NotPast { .. }) => Failure::usage(format!(
                "--resume: {} names a version that is not there any more: delete the file to \
                 begin again",
                path.display()
            )),
            (Some(_), StoreError::Beyond { position, to }) => Failure::usage(format!(
                "--to is position {to}, and what --resume goes on with shows later ones: name one \
                 from {position} on, or another file"
            )),
            (Some(path), StoreError::Cancelled) => Failure::new(
                Kind::Internal,
                format!(
                    "told to end: the same command goes on, by {}",
                    path.display()
                ),
            ),
            (None, error) => {
                // Nobody can go on with them.
                drop_all(&database, &versions).await;
                match error {
                    StoreError::Cancelled => {
                        Failure::new(Kind::Internal, "told to end: nothing was kept")
                    }
                    error => failed(&error),
                }
            }
            (Some(_), error) => failed(&error),
        }),
    }
}

async fn drop_all(database: &sqlx::PgPool, versions: &[PastVersion]) {
    for one in versions {
        if let Err(error) = drop_past(database, one.projection, one.version).await {
            eprintln!(
                "warning: version {} of {} stays: {error}",
                one.version, one.projection
            );
        }
    }
}

/// The versions that the file names, if it is there.
fn begun(path: &Path, which: &[Projection]) -> Outcome<Option<Vec<PastVersion>>> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::usage(format!(
                "--resume: cannot read {shown}: {error}"
            )));
        }
    };
    let noted: Noted = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "--resume: {shown} is of no replay into a projection ({error}): name another file"
        ))
    })?;
    let named = noted.projections.iter().map(|one| one.projection);
    if !named.eq(which.iter().copied()) {
        return Err(Failure::usage(format!(
            "--resume: {shown} is of a replay into other projections: give the same \
             --into-projection, or name another file"
        )));
    }
    Ok(Some(noted.projections))
}

fn note(path: &Path, versions: &[PastVersion]) -> Outcome {
    let projections = versions.to_vec();
    files::write_json(path, &Noted { projections })
}

fn text(told: &Value) -> String {
    let rows = told["projections"].as_array().into_iter().flatten();
    let names = ["projection", "version", "position", "table"];
    let rows: Vec<Vec<String>> = rows
        .map(|row| names.map(|name| output::plain(&row[name])).to_vec())
        .collect();
    let table = output::table(&["PROJECTION", "VERSION", "POSITION", "TABLE"], &rows);
    format!("{table}\n\n`countersign projections drop NAME VERSION` takes one away")
}
