//! What each subcommand does; one file a subcommand.

mod account;
mod demo;
mod dev;
mod events;
mod key;
mod party;
mod payload;
mod session;
mod sign;

use crate::args::{Args, Command};
use crate::failure::Outcome;

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
        Command::Party(command) => party::run(&command, json),
    }
}
