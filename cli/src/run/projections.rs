//! `countersign projections …`

pub(super) mod bar;
mod text;

use std::sync::Arc;

use countersign_event_store::{EventLog, PostgresLog};
use countersign_projections::postgres::{Rebuild, drop_past, list, status, verify};
use countersign_projections::{Projection, StoreError};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::args::{ConfigArgs, ProjectionsCommand};
use crate::config::Role;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;
use crate::role::{self, in_full};

pub(super) fn run(command: &ProjectionsCommand, as_json: bool) -> Outcome {
    match command {
        ProjectionsCommand::List { config } => with_log(config, async |_, pool, _| {
            let versions = list(&pool).await.map_err(|e| failed(&e))?;
            output::either(as_json, &json!(versions), text::versions)
        }),
        ProjectionsCommand::Status { config } => with_log(config, async |log, pool, _| {
            let head = log.head().await.map_err(|e| failed(&e))?;
            let statuses = status(&pool, head).await.map_err(|e| failed(&e))?;
            output::either(as_json, &json!(statuses), text::statuses)
        }),
        ProjectionsCommand::Rebuild { name, config } => {
            let which = projections(name)?;
            with_log(config, async |log, pool, stop| {
                rebuild(log, pool, which, stop, as_json).await
            })
        }
        ProjectionsCommand::Drop {
            name,
            version,
            config,
        } => {
            let projection: Projection = name.parse().map_err(Failure::usage)?;
            with_log(config, async |_, pool, _| {
                let dropped = drop_past(&pool, projection, *version).await;
                dropped.map_err(|error| match error {
                    error @ StoreError::NotPast { .. } => Failure::usage(format!(
                        "{error}: `countersign projections list` tells which there are"
                    )),
                    error => failed(&error),
                })?;
                let told = json!({ "projection": projection, "version": version });
                output::either(as_json, &json!({ "dropped": told }), |_| {
                    format!("dropped version {version} of {projection}")
                })
            })
        }
        ProjectionsCommand::Verify { name, config } => {
            let which = projections(name.as_deref().unwrap_or("all"))?;
            with_log(config, async |log, pool, stop| {
                check(log, pool, which, stop, as_json).await
            })
        }
    }
}

async fn rebuild(
    log: Arc<dyn EventLog>,
    pool: PgPool,
    which: Vec<Projection>,
    stop: CancellationToken,
    as_json: bool,
) -> Outcome {
    let mut bar = bar::Bar::new(as_json);
    let rebuilt = Rebuild::new(log, pool, which)
        .run(|progress| bar.show(&progress), stop)
        .await;
    bar.end();
    let rebuilt = rebuilt.map_err(|e| failed(&e))?;
    output::either(as_json, &json!({ "rebuilt": rebuilt }), text::rebuilt)
}

async fn check(
    log: Arc<dyn EventLog>,
    pool: PgPool,
    which: Vec<Projection>,
    stop: CancellationToken,
    as_json: bool,
) -> Outcome {
    let mut bar = bar::Bar::new(as_json);
    let mut differences = vec![];
    let mut lost = 0_u64;
    let verified = verify(
        log,
        pool,
        which,
        |progress| bar.show(&progress),
        |difference| {
            // Each is told; a table that is wrong altogether needs no million lines.
            if differences.len() < text::SHOWN {
                differences.push(difference);
            } else {
                lost += 1;
            }
        },
        stop,
    )
    .await;
    bar.end();
    let verified = verified.map_err(|e| failed(&e))?;
    let wrong: u64 = verified.iter().map(|one| one.differences).sum();
    let told = json!({ "verified": verified, "differences": differences, "not_shown": lost });
    output::either(as_json, &told, text::verified)?;
    if wrong == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Data,
        format!(
            "{wrong} rows are not what the log says: `countersign projections rebuild` makes them \
             anew"
        ),
    ))
}

/// Does something with the log and the read models' database, until told to end.
fn with_log(
    args: &ConfigArgs,
    work: impl AsyncFnOnce(Arc<dyn EventLog>, PgPool, CancellationToken) -> Outcome,
) -> Outcome {
    let config = role::load(&args.sources(vec![]), Role::Migrate)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        role::listen_for_signals(stop.clone())?;
        let log = PostgresLog::connect(role::postgres_config(&config))
            .await
            .map_err(|e| failed(&e))?;
        let log = Arc::new(log);
        let pool = log.pool().clone();
        let done = work(log.clone(), pool, stop).await;
        let closed = log.close().await.map_err(|e| failed(&e));
        log.pool().close().await;
        done.and(closed)
    })
}

pub(super) fn projections(name: &str) -> Outcome<Vec<Projection>> {
    if name == "all" {
        return Ok(Projection::ALL.to_vec());
    }
    name.parse()
        .map(|one| vec![one])
        .map_err(|error| Failure::usage(format!("{error}, or all")))
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::data(in_full(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_is_named_or_all_of_them() {
        assert_eq!(
            projections("all").expect("all").len(),
            Projection::ALL.len()
        );
        assert_eq!(projections("keys").expect("one"), [Projection::Keys]);
        let message = projections("key").expect_err("none").message;
        assert!(
            message.contains("`key`") && message.ends_with("or all"),
            "{message}"
        );
    }
}
