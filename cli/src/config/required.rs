//! What each role cannot do without.

use super::problem::Problem;
use super::sources::variable;
use super::{Config, Role};

/// What is missing for a role.
pub(super) fn missing(config: &Config, role: Role) -> Vec<Problem> {
    let needs: &[&str] = match role {
        Role::Migrate => &["database.url"],
        Role::Commands => &[
            "database.url",
            "nats.urls",
            "commands.coordinator_secret",
            "personal.hash_key",
            "roster",
        ],
        Role::Projector => &["database.url", "nats.urls"],
        Role::ReadApi => &["database.url", "nats.urls", "personal.hash_key", "roster"],
        Role::Party => &[
            "nats.urls",
            "party.name",
            "party.vault",
            "master_key",
            "roster",
        ],
        Role::Webhooks => &["database.url", "webhooks.secret_key"],
    };
    // Whoever sets one of these wants checkpoints to be signed.
    let signs = [
        "checkpoints.origin",
        "checkpoints.key",
        "checkpoints.folder",
    ];
    let together: &[&str] = match role {
        Role::Projector if signs.iter().any(|field| is_given(config, field)) => &signs,
        _ => &[],
    };
    let needed = needs.iter().chain(together);
    let missing = needed.filter(|field| !is_given(config, field));
    missing
        .map(|field| Problem::new(*field, cure(field, role)))
        .collect()
}

fn is_given(config: &Config, field: &str) -> bool {
    match field {
        "database.url" => config.database.url.is_some(),
        "nats.urls" => !config.nats.urls.is_empty(),
        "commands.coordinator_secret" => config.commands.coordinator_secret.is_some(),
        "personal.hash_key" => config.personal.hash_key.is_some(),
        "roster" => config.roster.is_some(),
        "party.name" => config.party.name.is_some(),
        "party.vault" => config.party.vault.is_some(),
        "master_key" => config.master_key.is_some(),
        "checkpoints.origin" => config.checkpoints.origin.is_some(),
        "checkpoints.key" => config.checkpoints.key.is_some(),
        "checkpoints.folder" => config.checkpoints.folder.is_some(),
        "webhooks.secret_key" => config.webhooks.secret_key.is_some(),
        _ => true,
    }
}

fn cure(field: &str, role: Role) -> String {
    let variable = variable(field);
    let how = match field {
        "database.url" => format!(
            "set {variable} (postgres://USER:PASSWORD@HOST:PORT/DATABASE) or {variable}_FILE"
        ),
        "nats.urls" => format!("set {variable}, such as nats://127.0.0.1:4222"),
        "commands.coordinator_secret" | "webhooks.secret_key" => format!(
            "set {variable} or {variable}_FILE to what `openssl rand -hex 32` prints, the same \
             for all replicas"
        ),
        "personal.hash_key" => format!(
            "set {variable} or {variable}_FILE to what `openssl rand -hex 32` prints, the same \
             for all replicas of `commands` and `read-api`"
        ),
        "roster" => {
            format!("set {variable} to the roster file; `countersign roster assemble` makes one")
        }
        "master_key" => {
            format!("set {variable} or {variable}_FILE to the key that the vault was made with")
        }
        "checkpoints.origin" => {
            format!(
                "set {variable} to a name that no other log has, such as countersign.example/log"
            )
        }
        "checkpoints.key" => format!(
            "set {variable} or {variable}_FILE to what `openssl rand -hex 32` prints, the same \
             for all replicas"
        ),
        "checkpoints.folder" => {
            format!("set {variable} to a folder outside the database, the same for all replicas")
        }
        _ => format!("set {variable}"),
    };
    match role {
        // The role of all tools that work on the database.
        Role::Migrate => format!("is not set, and work on the database needs it: {how}"),
        role => format!("is not set, and `{role}` needs it: {how}"),
    }
}
