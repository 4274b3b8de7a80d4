//! The vault of a party, found by the configuration.

use std::path::PathBuf;

use countersign_domain::ids::PartyId;
use countersign_parties::vault::{MasterKey, Vault};

use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// A party, its vault and the key to it.
pub(crate) struct PartyVault {
    pub(crate) party: PartyId,
    pub(crate) path: PathBuf,
    master: MasterKey,
}

impl PartyVault {
    /// What the configuration says; all of it has to be there.
    pub(crate) fn of(config: &Config) -> Outcome<Self> {
        match (&config.party.name, &config.party.vault, config.master_key()) {
            (Some(party), Some(path), Some(master)) => Ok(Self {
                party: party.clone(),
                path: path.clone(),
                master,
            }),
            _ => Err(Failure::usage(
                "party.name, party.vault and master_key are needed",
            )),
        }
    }

    /// Opens a vault that is there.
    pub(crate) fn open(&self) -> Outcome<Vault> {
        if self.path.exists() {
            return self.open_or_make();
        }
        // A new one would hold another identity than the roster has.
        Err(Failure::data(format!(
            "there is no vault {}: `countersign party init` makes one, whose identity goes into \
             the roster",
            self.path.display()
        )))
    }

    /// Opens the vault, and makes it where there is none.
    pub(crate) fn open_or_make(&self) -> Outcome<Vault> {
        Vault::open(&self.path, &self.party, &self.master)
            .map_err(|error| Failure::data(super::in_full(&error)))
    }
}
