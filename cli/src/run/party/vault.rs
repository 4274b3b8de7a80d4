//! `countersign party init` and `party identity`: a vault, and who it belongs to.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use countersign_domain::roster::PartyIdentity;
use countersign_messaging::IdentityKeys;
use countersign_parties::vault::Vault;
use serde_json::json;

use crate::args::VaultArgs;
use crate::config::Loaded;
use crate::failure::{Failure, Kind, Outcome};
use crate::files;
use crate::output;
use crate::role::PartyVault;

/// Makes the vault unless it is there, and tells the party's public identity.
pub(super) fn init(args: &VaultArgs, out: Option<&Path>, _json: bool) -> Outcome {
    let place = place(args)?;
    if let Some(folder) = place.path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| Failure::data(format!("cannot make {}: {e}", folder.display())))?;
    }
    let vault = place.open_or_make()?;
    let identity = public(&place, &vault);
    if let Some(out) = out {
        files::write_json(out, &identity)?;
    }
    output::json(&json!(identity))
}

/// Tells the party's public identity.
pub(super) fn identity(args: &VaultArgs) -> Outcome {
    let place = place(args)?;
    let vault = place.open()?;
    output::json(&json!(public(&place, &vault)))
}

fn public(place: &PartyVault, vault: &Vault) -> PartyIdentity {
    IdentityKeys::from_seed(vault.identity_seed()).public(place.party.clone())
}

/// The party's name, vault and master key; the rest of a role's configuration need
/// not be there yet.
fn place(args: &VaultArgs) -> Outcome<PartyVault> {
    let loaded = Loaded::read(&args.sources());
    loaded
        .only(&["party.name", "party.vault", "master_key"])
        .map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
    PartyVault::of(&loaded.config)
}
