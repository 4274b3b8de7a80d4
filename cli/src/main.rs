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

/// Protocol state and frames are made on one thread and dropped on another, tens
/// of kilobytes at a time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
