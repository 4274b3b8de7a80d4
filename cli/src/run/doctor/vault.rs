//! The party's vault: opened by the master key, and the one that the roster knows.

use countersign_domain::roster::Roster;
use countersign_messaging::IdentityKeys;

use super::report::Report;
use crate::config::Config;
use crate::role::PartyVault;

pub(super) fn check(config: &Config, roster: Option<&Roster>, report: &mut Report) {
    let Ok(place) = PartyVault::of(config) else {
        let cure = "set party.name and master_key (or master_key_file) beside party.vault";
        report.fail(
            "vault",
            "cannot be opened without name and master key",
            cure,
        );
        return;
    };
    let vault = match place.open() {
        Ok(vault) => vault,
        Err(failure) if failure.message.contains("in use by another process") => {
            let cure = "stop the party to have its vault checked";
            report.warn("vault", failure.message, cure);
            return;
        }
        Err(failure) => {
            report.fail("vault", failure.message, "");
            return;
        }
    };
    let shares = vault.keys().map_or(0, |keys| keys.len());
    report.ok("vault", format!("opened; it holds {shares} shares"));
    let Some(roster) = roster else { return };
    let keys = IdentityKeys::from_seed(vault.identity_seed());
    let party = &place.party;
    if roster.get(party).is_none() {
        report.fail(
            "identity",
            format!("the roster does not know {party}"),
            "add its identity (`countersign party identity`) with `countersign roster assemble`",
        );
    } else if keys.are_pinned(party, roster) {
        report.ok("identity", format!("the roster pins the keys of {party}"));
    } else {
        report.fail(
            "identity",
            format!("the roster has other keys for {party} than its vault"),
            "use the vault that the roster was made with, or the roster of this vault",
        );
    }
}
