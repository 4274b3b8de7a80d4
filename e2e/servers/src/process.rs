//! A server's process: in a folder of its own, as a user without privileges.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom to run as; PostgreSQL refuses to run as root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `postgres` or `nobody` when this process is root's; else nobody else.
    pub(crate) fn unprivileged() -> Result<Option<Self>> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let uid = status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
        if uid != Some("0") {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| {
                let mut fields = users
                    .lines()
                    .map(|line| line.split(':'))
                    .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?
                    .skip(1);
                Some(Some(Self {
                    uid: fields.next()?.parse().ok()?,
                    gid: fields.next()?.parse().ok()?,
                }))
            })
            .context("running as root, and there is neither a user `postgres` nor `nobody`")
    }

    /// Makes a folder this user's.
    pub(crate) fn own(self, folder: &Path) -> Result<()> {
        chown(folder, Some(self.uid), Some(self.gid)).context("a folder of the server")
    }
}

/// A command that runs as this user, with its output in a file.
pub(crate) fn command(program: &Path, user: Option<User>, output: &Path) -> Result<Command> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(output)
        .with_context(|| output.display().to_string())?;
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for the test, which then stops its servers in order.
        .process_group(0);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}

/// A port of the loopback interface that is free now.
///
/// # Errors
/// When the operating system gives none.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Starts something on a free port; on another one when somebody else took it first.
pub(crate) fn on_free_port(mut start: impl FnMut(u16) -> Result<()>) -> Result<()> {
    let mut last = start(free_port()?);
    for _ in 0..3 {
        if last.is_ok() {
            break;
        }
        last = start(free_port()?);
    }
    last
}

/// Asks `ready` until it says yes, the process ends, or it takes too long.
pub(crate) fn until_ready(
    child: &mut Child,
    output: &Path,
    mut ready: impl FnMut() -> bool,
) -> Result<()> {
    let begun = Instant::now();
    while !ready() {
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(output).unwrap_or_default();
            bail!("the server ended at once ({status}): {log}");
        }
        if begun.elapsed() > PATIENCE {
            end(child, "KILL");
            bail!("the server did not start within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Sends a signal, such as `TERM`, to a process, or to the group `-ID`; false when there
/// is none any more.
#[must_use]
pub fn signal(process: &str, name: &str) -> bool {
    // The shell has it built in; a program of that name is not everywhere.
    Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", name, process])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Signals, and waits for the end; kills what does not end.
pub(crate) fn end(child: &mut Child, name: &str) {
    // It may have ended by itself.
    let _ = signal(&child.id().to_string(), name);
    let begun = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
