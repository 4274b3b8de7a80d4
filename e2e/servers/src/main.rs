//! Runs a command with `DATABASE_URL` and `NATS_URL` set: to what they are set to
//! already, else to private servers that are stopped when the command ends.

use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};
use countersign_test_servers::{Nats, Postgres};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("usage: PROGRAM [ARGUMENT]...")?;
    let mut command = Command::new(program);
    command.args(arguments);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        let signals = Signals::new()?;
        let servers = Servers::start(&mut command)?;
        let code = run(command, signals).await;
        drop(servers);
        code
    })?;
    Ok(ExitCode::from(code))
}

/// The servers that were started here; stopped when dropped.
struct Servers {
    _postgres: Option<Postgres>,
    _nats: Option<Nats>,
}

impl Servers {
    /// Starts those that the environment does not name, and names them to the command.
    fn start(command: &mut Command) -> Result<Self> {
        let missing = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
        let postgres = missing("DATABASE_URL")
            .then(Postgres::start)
            .transpose()?
            .inspect(|server| {
                command.env("DATABASE_URL", server.url("postgres"));
            });
        let nats = missing("NATS_URL")
            .then(Nats::start)
            .transpose()?
            .inspect(|server| {
                command.env("NATS_URL", server.url());
            });
        Ok(Self {
            _postgres: postgres,
            _nats: nats,
        })
    }
}

/// The signals that ask for the end; caught from the start, so that servers that are
/// about to start are stopped as well.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "TERM",
            _ = self.interrupt.recv() => "INT",
            _ = self.hang_up.recv() => "HUP",
        }
    }
}

/// Runs it to its end, in a process group of its own: what ends this process is
/// passed on to all that the command has started.
async fn run(mut command: Command, mut signals: Signals) -> Result<u8> {
    use std::os::unix::process::CommandExt as _;
    command.stdin(Stdio::null()).process_group(0);
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .context("the command")?;
    let group = child.id().context("the command has just been started")?;
    let mut told = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            name = signals.next() => {
                told = true;
                pass_on(group, name);
            }
        }
    };
    if told {
        // Who did not listen must not outlive the servers.
        pass_on(group, "KILL");
    }
    Ok(code(status))
}

fn pass_on(group: u32, name: &str) {
    // The group may be gone already.
    let _ = countersign_test_servers::signal(&format!("-{group}"), name);
}

/// The command's own code; as a shell says it when a signal ended it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
