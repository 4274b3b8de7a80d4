//! Runs a command with `DATABASE_URL` and `NATS_URL` set: to what they are set to
//! already, else to private servers that are stopped when the command ends.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use countersign_test_servers::{Nats, Postgres};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("usage: PROGRAM [ARGUMENT]...")?;
    let mut command = Command::new(program);
    command.args(arguments);

    let mut postgres = None;
    if std::env::var_os("DATABASE_URL").is_none() {
        let server = Postgres::start()?;
        command.env("DATABASE_URL", server.url("postgres"));
        postgres = Some(server);
    }
    let mut nats = None;
    if std::env::var_os("NATS_URL").is_none() {
        let server = Nats::start()?;
        command.env("NATS_URL", server.url());
        nats = Some(server);
    }
    let code = run(command);
    drop((postgres, nats));
    Ok(ExitCode::from(code?))
}

/// Runs it to its end. A signal to end is for the command too: the terminal sends
/// it to both, and whoever sends it to this process alone has it passed on.
fn run(command: Command) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .context("the command")?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = terminate.recv() => child.start_kill()?,
                _ = interrupt.recv() => {}
            }
        };
        Ok(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
    })
}
