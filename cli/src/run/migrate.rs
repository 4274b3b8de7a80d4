//! `countersign migrate`: the schema of a deployment's database.

use countersign_event_store::LogError;
use countersign_event_store::postgres::{SchemaStatus, known_version, migrate, schema};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::args::MigrateArgs;
use crate::config::Role;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;
use crate::role;

pub(super) fn run(args: &MigrateArgs, as_json: bool) -> Outcome {
    let config = role::load(&args.config.sources(vec![]), Role::Migrate)?;
    let Some(url) = config.database.url else {
        return Err(Failure::internal("the configuration was not checked"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(async {
        if args.check {
            check(&url, as_json).await
        } else {
            let done = migrate(&url).await.map_err(|error| failure(&error))?;
            let told = json!({ "from": done.from, "to": done.to });
            output::either(as_json, &told, told_done)
        }
    })
}

async fn check(url: &SecretString, as_json: bool) -> Outcome {
    let status = schema(url).await.map_err(|error| failure(&error))?;
    let known = known_version();
    let (found, what) = match status {
        SchemaStatus::Missing => (0, "missing"),
        SchemaStatus::Older { found, .. } => (found, "older"),
        SchemaStatus::Current { version } => (version, "current"),
        SchemaStatus::Newer { found, .. } => (found, "newer"),
    };
    let told = json!({ "schema": what, "found": found, "needed": known });
    output::either(as_json, &told, |_| match status {
        SchemaStatus::Missing => format!("there is no schema; migrate would make version {known}"),
        SchemaStatus::Older { .. } => {
            format!("the schema has version {found}; migrate would bring it to {known}")
        }
        SchemaStatus::Current { version } => format!("the schema has version {version}, as needed"),
        SchemaStatus::Newer { .. } => format!(
            "the schema has version {found}, and this program knows {known} at most: use the \
             program that it was migrated with, or a newer one"
        ),
    })?;
    match status {
        SchemaStatus::Current { .. } => Ok(()),
        _ => Err(Failure::new(
            Kind::Internal,
            "the schema is not as this program needs it",
        )),
    }
}

fn told_done(told: &Value) -> String {
    let (from, to) = (&told["from"], &told["to"]);
    if from == to {
        format!("nothing to do: the schema has version {to}")
    } else if from == &json!(0) {
        format!("made the schema, version {to}")
    } else {
        format!("brought the schema from version {from} to {to}")
    }
}

fn failure(error: &LogError) -> Failure {
    let kind = match error {
        LogError::Unreachable { .. } => Kind::Unavailable,
        LogError::Address { .. } | LogError::Credentials { .. } => Kind::Usage,
        _ => Kind::Data,
    };
    Failure::new(kind, role::in_full(error))
}
