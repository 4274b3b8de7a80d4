//! What each subcommand does; one file a subcommand.

mod account;
mod audit;
mod config;
mod demo;
mod dev;
mod diff;
mod doctor;
mod events;
mod key;
mod migrate;
mod party;
mod past_log;
mod payload;
mod projections;
mod replay;
mod roster;
mod session;
mod sign;
mod webhook;

use crate::args::{Args, Command};
use crate::failure::Outcome;
use crate::role;

/// Runs the command.
pub(crate) fn run(args: Args) -> Outcome {
    let json = args.json;
    match args.command {
        Command::Demo(args) => demo::run(&args, json),
        Command::Dev(args) => dev::run(&args, json),
        Command::Account(command) => account::run(&command, json),
        Command::Key(command) => key::run(&command, json),
        Command::Sign(args) => sign::run(&args, json),
        Command::Session(command) => session::run(&command, json),
        Command::Events(args) => events::run(&args, json),
        Command::Replay(args) => replay::run(&args, json),
        Command::Diff(args) => diff::run(&args, json),
        Command::Audit(command) => audit::run(&command, json),
        Command::Migrate(args) => migrate::run(&args, json),
        Command::Commands(args) => role::commands(&args.sources("commands")),
        Command::Projector(args) => role::projector(&args.sources(vec![])),
        Command::ReadApi(args) => role::read_api(&args.sources("read_api")),
        Command::Webhooks(args) => role::webhooks(&args.sources("webhooks")),
        Command::Webhook(command) => webhook::run(&command, json),
        Command::Party(args) => party::run(&args, json),
        Command::Roster(command) => roster::run(&command, json),
        Command::Projections(command) => projections::run(&command, json),
        Command::Config(command) => config::run(&command, json),
        Command::Doctor(args) => doctor::run(&args, json),
    }
}
