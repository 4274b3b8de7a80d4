//! The file that keeps how far a replay is.
//!
//! It is written whole, synchronised and renamed into its place after each delivery, and
//! says what is replayed: to go on with another selection would leave events out.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::files;

/// What is replayed, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct What {
    /// After this position.
    pub(super) after: u64,
    /// Names of events.
    pub(super) types: Vec<String>,
    /// Streams.
    pub(super) streams: Vec<String>,
    /// A subject of NATS; none for stdout.
    pub(super) subject: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    delivered_through: u64,
    replay: What,
}

/// The file.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    noted: Noted,
}

impl CursorFile {
    /// The cursor of this replay: what the file says, or its beginning.
    pub(super) fn open(path: &Path, mut what: What) -> Outcome<Self> {
        what.types.sort();
        what.streams.sort();
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut fresh = Self {
                    path: path.to_owned(),
                    noted: Noted {
                        delivered_through: what.after,
                        replay: what,
                    },
                };
                // Before anything is delivered: a place that cannot be written to.
                fresh.save(fresh.noted.delivered_through)?;
                return Ok(fresh);
            }
            Err(error) => {
                return Err(Failure::usage(format!(
                    "--resume: cannot read {shown}: {error}"
                )));
            }
        };
        let noted: Noted = serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!(
                "--resume: {shown} is no cursor of a replay ({error}): name another file, or \
                 delete it to begin again"
            ))
        })?;
        if let Some(field) = differs(&noted.replay, &what) {
            return Err(Failure::usage(format!(
                "--resume: {shown} is of a replay with another {field}: give the same {field}, or \
                 name another file"
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            noted,
        })
    }

    /// How far it is.
    pub(super) fn position(&self) -> u64 {
        self.noted.delivered_through
    }

    /// Notes durably that all up to `position` was delivered.
    pub(super) fn save(&mut self, position: u64) -> Outcome {
        self.noted.delivered_through = position;
        files::write_json(&self.path, &self.noted)?;
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // The new name in its folder.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| {
            Failure::data(format!("cannot write {}: {error}", self.path.display()))
        })
    }
}

fn differs(noted: &What, now: &What) -> Option<&'static str> {
    let fields = [
        ("--from", noted.after == now.after),
        ("--type", noted.types == now.types),
        ("--stream", noted.streams == now.streams),
        ("--nats-subject", noted.subject == now.subject),
    ];
    let other = fields.into_iter().find(|(_, same)| !same);
    other.map(|(name, _)| name)
}
