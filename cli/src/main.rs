//! The `countersign` command: every role of the system as a subcommand, the
//! embedded mode, and the client.

mod args;
mod client;
mod clock;
mod embedded;
mod failure;
mod output;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let json = args.json;
    match run::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(json);
            failure.exit_code()
        }
    }
}
