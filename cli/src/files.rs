//! Files that roles and tools share: the roster, and public documents.

use std::path::Path;

use countersign_domain::roster::Roster;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// Reads a roster file.
pub(crate) fn roster(path: &Path) -> Outcome<Roster> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the roster {shown} ({error}): `countersign roster assemble` makes one \
             from the identities of the parties"
        ))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{shown} is no roster: {error}")))
}

/// Writes a document that everybody may read: whole and durable, or not at all.
pub(crate) fn write_json(path: &Path, document: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(document).map_err(Failure::internal)?;
    write_text(path, &format!("{text}\n"))
}

/// Writes a text that everybody may read: whole and durable, or not at all.
pub(crate) fn write_text(path: &Path, text: &str) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let cannot =
        |error: std::io::Error| Failure::data(format!("cannot write {}: {error}", path.display()));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(cannot)?;
    // Temporary files are made for their owner alone.
    let everybody = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(everybody).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}
