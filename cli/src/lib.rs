//! The `countersign` command: every role of the system as a subcommand, the
//! embedded mode, operator tools and the client.

mod args;
mod client;
mod clock;
pub mod config;
mod embedded;
mod failure;
mod files;
mod output;
mod role;
mod run;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

/// Runs the command that the arguments of this process name.
#[must_use]
pub fn main() -> ExitCode {
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

/// Whether the command takes these arguments (without its own name), for whoever
/// writes them into a deployment.
///
/// # Errors
/// Says what is wrong with them.
pub fn check_arguments<I, T>(arguments: I) -> Result<(), String>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString>,
{
    let name = OsString::from("countersign");
    let all = std::iter::once(name).chain(arguments.into_iter().map(Into::into));
    match args::Args::try_parse_from(all) {
        Ok(_) => Ok(()),
        Err(error) if !error.use_stderr() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
