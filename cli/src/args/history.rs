//! Arguments of the tools that look at what was.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use countersign_event_store::{Point, StreamId};
use countersign_projections::history::Kind;
use uuid::Uuid;

use super::{ConfigArgs, event_type};

/// Where the log is: a data directory, or the database of the configuration.
#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// A data directory of `dev`, in use or not, in place of the configuration's
    /// database. Nothing in it is changed.
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// Show one account, key or session as it was then, and what has changed since.
    #[arg(long, value_name = "POSITION|TIME", requires = "id",
        conflicts_with_all = ["from", "to", "types", "streams", "nats_subject", "into",
            "into_projection", "rate", "resume"])]
    pub(crate) as_of: Option<Point>,
    /// With --as-of: what it is.
    #[arg(value_enum, requires = "as_of", requires = "id")]
    pub(crate) kind: Option<KindArg>,
    /// With --as-of: which one.
    #[arg(requires = "as_of")]
    pub(crate) id: Option<Uuid>,
    /// Begin with the event at this position, or with the first one recorded after this
    /// time [default: the first event].
    #[arg(long, value_name = "POSITION|TIME")]
    pub(crate) from: Option<Point>,
    /// End with the event at this position, or with the last one recorded until this
    /// time [default: the last event that there is now].
    #[arg(long, value_name = "POSITION|TIME")]
    pub(crate) to: Option<Point>,
    /// Only events of this name; may be given again.
    #[arg(long = "type", value_name = "NAME", value_parser = event_type)]
    pub(crate) types: Vec<&'static str>,
    /// Only events of this stream; may be given again.
    #[arg(long = "stream", value_name = "KIND/ID", value_parser = stream)]
    pub(crate) streams: Vec<StreamId>,
    /// Publish the events on this subject of NATS in place of printing them.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "into")]
    pub(crate) nats_subject: Option<String>,
    /// Fold the read models from scratch up to --to, and write them into this folder,
    /// which must be empty or not be there.
    #[arg(long, value_name = "DIR",
        conflicts_with_all = ["from", "types", "streams", "rate", "resume"])]
    pub(crate) into: Option<PathBuf>,
    /// Fold this projection, or `all`, up to --to into tables of its own beside those that
    /// answer queries, to be read with SQL. `projections drop` takes them away.
    #[arg(long, value_name = "NAME",
        conflicts_with_all = ["from", "types", "streams", "nats_subject", "into"])]
    pub(crate) into_projection: Option<String>,
    /// At most this many events a second.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Keep in this file how far it is, and go on from there when the file is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// From the state after this event, or at this time; 0 is before the first event.
    #[arg(value_name = "FROM")]
    pub(crate) from: Point,
    /// To the state after this event, or at this time.
    #[arg(value_name = "TO")]
    pub(crate) to: Point,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// What has a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    Account,
    Key,
    Session,
}

fn stream(text: &str) -> Result<StreamId, String> {
    let wrong = || format!("write KIND/ID, such as key/{}", Uuid::nil());
    let (kind, id) = text.split_once('/').ok_or_else(wrong)?;
    let kinds = [Kind::Account, Kind::Key, Kind::Session];
    let kind = kinds.into_iter().find(|known| known.name() == kind);
    let kind = kind.ok_or("the kind must be account, key or session")?;
    let id: Uuid = id.parse().map_err(|_| "the id must be a UUID")?;
    Ok(StreamId::new(kind.name(), id))
}
