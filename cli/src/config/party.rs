//! `[party]`: one signing party.

use std::path::PathBuf;

use countersign_domain::ids::PartyId;

use super::reader::Reader;

/// The role `party`.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its name in the roster.
    pub name: Option<PartyId>,
    /// Its vault, a file of its own.
    pub vault: Option<PathBuf>,
}

impl Party {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("party");
        Self {
            name: reader.optional("name"),
            vault: reader.optional("vault"),
        }
    }
}
