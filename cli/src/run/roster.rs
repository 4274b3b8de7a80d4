//! `countersign roster …`

use std::path::{Path, PathBuf};

use countersign_domain::roster::{PartyIdentity, Roster};
use countersign_messaging::presence::roster_fingerprint;
use serde_json::{Value, json};

use crate::args::RosterCommand;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::output;

pub(super) fn run(command: &RosterCommand, json: bool) -> Outcome {
    match command {
        RosterCommand::Assemble {
            identities,
            out,
            force,
        } => {
            let made = assemble(identities, out, *force)?;
            output::either(json, &made, |made| {
                let state = output::plain(&made["state"]);
                let parties = output::fields(made, &["parties", "fingerprint"]);
                format!("{} {state}\n{parties}", out.display())
            })
        }
        RosterCommand::Show { file } => {
            let roster = files::roster(file)?;
            output::either(json, &document(&roster), shown)
        }
    }
}

/// Writes the roster of these parties, unless it is there already.
fn assemble(identities: &[PathBuf], out: &Path, force: bool) -> Outcome<Value> {
    let mut parties = identities
        .iter()
        .map(|path| identity(path))
        .collect::<Outcome<Vec<_>>>()?;
    // The same parties make the same file, in whatever order they are named.
    parties.sort_by(|a, b| a.party.cmp(&b.party));
    let roster = Roster::new(parties).map_err(Failure::usage)?;
    let state = match out.exists().then(|| files::roster(out)) {
        Some(Ok(old)) if old == roster => "unchanged",
        Some(old) if !force => {
            let what = match old {
                Ok(old) => format!("has the roster {}", roster_fingerprint(&old)),
                Err(_) => "is there, and is no roster".to_owned(),
            };
            return Err(Failure::usage(format!(
                "{} {what}, and these parties make another, {}: keys made under the old one are \
                 lost to parties that are not in the new one; pass --force to replace it",
                out.display(),
                roster_fingerprint(&roster)
            )));
        }
        there => {
            files::write_json(out, &roster)?;
            if there.is_some() {
                "replaced"
            } else {
                "written"
            }
        }
    };
    let mut made = document(&roster);
    made["state"] = state.into();
    made["parties"] = roster
        .parties()
        .iter()
        .map(|identity| identity.party.as_str())
        .collect();
    Ok(made)
}

fn identity(path: &Path) -> Outcome<PartyIdentity> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the identity {shown} ({error}): `countersign party init --identity-out` \
             writes one"
        ))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{shown} is no identity of a party: {error}")))
}

fn document(roster: &Roster) -> Value {
    json!({
        "fingerprint": roster_fingerprint(roster),
        "parties": roster.parties(),
    })
}

fn shown(document: &Value) -> String {
    let rows: Vec<_> = document["parties"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|identity| {
            ["party", "sign_key", "seal_key"]
                .iter()
                .map(|name| output::plain(&identity[*name]))
                .collect()
        })
        .collect();
    format!(
        "fingerprint  {}\n{}",
        output::plain(&document["fingerprint"]),
        output::table(&["PARTY", "SIGN KEY", "SEAL KEY"], &rows)
    )
}

#[cfg(test)]
mod tests;
