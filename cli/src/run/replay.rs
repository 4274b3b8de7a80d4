//! `countersign replay`

mod as_of;
mod bar;
mod cursor;
mod deliver;
mod into;
mod projection;
mod sink;

use std::collections::HashSet;

use serde_json::json;

use super::past_log::{PastLog, with_log};
use crate::args::ReplayArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

use bar::Bar;
use cursor::{CursorFile, What};
use deliver::{Plan, deliver};
use sink::{Nats, Sink, Stdout};

pub(super) fn run(args: &ReplayArgs, as_json: bool) -> Outcome {
    if args.nats_subject.is_some() && args.log.data_dir.is_some() {
        return Err(Failure::usage(
            "--nats-subject publishes what a deployment recorded, by its configuration: it does \
             not go with a data directory",
        ));
    }
    if args.into_projection.is_some() && args.log.data_dir.is_some() {
        return Err(Failure::usage(
            "--into-projection makes tables in a deployment's database: of a data directory, \
             --into writes the read models into a folder",
        ));
    }
    if let Some(subject) = &args.nats_subject {
        sink::check_subject(subject)?;
    }
    with_log(&args.log, async |past| {
        match (args.as_of, args.kind, args.id) {
            (Some(point), Some(kind), Some(id)) => {
                as_of::run(&past, point, kind, id, as_json).await
            }
            _ => match (&args.into, &args.into_projection) {
                (Some(folder), _) => {
                    let to = end(args, &past).await?;
                    into::run(&past, to, folder, as_json).await
                }
                (None, Some(name)) => {
                    let to = end(args, &past).await?;
                    projection::run(args, &past, to, name, as_json).await
                }
                (None, None) => replay(args, past, as_json).await,
            },
        }
    })
}

async fn replay(args: &ReplayArgs, past: PastLog, as_json: bool) -> Outcome {
    let to = end(args, &past).await?;
    let after = match args.from {
        None => 0,
        Some(point @ countersign_event_store::Point::Position(_)) => {
            let first = past.resolve("--from", point).await?;
            first.checked_sub(1).ok_or_else(|| {
                Failure::usage("--from: the first event has position 1: leave --from out")
            })?
        }
        Some(point) => past.resolve("--from", point).await?,
    };
    if args.from.is_some() && after > to {
        return Err(Failure::usage(format!(
            "--from begins with position {}, which comes after --to, position {to}",
            after + 1
        )));
    }
    let what = What {
        after,
        types: args.types.iter().map(ToString::to_string).collect(),
        streams: args.streams.iter().map(ToString::to_string).collect(),
        subject: args.nats_subject.clone(),
    };
    let mut cursor = match &args.resume {
        Some(path) => Some(CursorFile::open(path, what)?),
        None => None,
    };
    let plan = Plan {
        after: cursor
            .as_ref()
            .map_or(after, |cursor| cursor.position().max(after)),
        to,
        types: args.types.iter().copied().collect(),
        streams: args.streams.iter().cloned().collect::<HashSet<_>>(),
        rate: args.rate,
    };
    let mut sink: Box<dyn Sink> = match &args.nats_subject {
        None => Box::new(Stdout::new()),
        Some(subject) => Box::new(Nats::connect(&past, subject).await?),
    };
    let mut bar = Bar::new(as_json, args.nats_subject.is_none());
    let delivered = deliver(&past, &plan, &mut *sink, cursor.as_mut(), &mut bar).await;
    bar.end();
    sink.close().await;
    let delivered = delivered?;
    if delivered.stopped {
        eprintln!(
            "countersign: told to end: delivered up to position {}",
            delivered.through
        );
    }
    if args.nats_subject.is_none() {
        return Ok(());
    }
    let told = json!({
        "events": delivered.events,
        "from": plan.after + 1,
        "to": delivered.through,
        "subject": args.nats_subject,
    });
    output::either(as_json, &told, |told| {
        output::fields(told, &["events", "from", "to", "subject"])
    })
}

/// The position to end with.
async fn end(args: &ReplayArgs, past: &PastLog) -> Outcome<u64> {
    match args.to {
        Some(point) => past.resolve("--to", point).await,
        None => past.head().await,
    }
}
