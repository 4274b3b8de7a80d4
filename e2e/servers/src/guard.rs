//! Ends a server whose owner is gone.
//!
//! A test that is killed (or interrupted at the terminal) drops nothing. A small
//! shell process reads from a pipe that only the owner holds open: when the owner
//! ends, however it ends, the pipe closes, and the shell ends the server and removes
//! its folder.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Signals, waits for ten seconds, kills, and tidies up.
const SCRIPT: &str = r#"
read -r _
kill -s "$1" "$2"
left=100
while [ "$left" -gt 0 ] && kill -0 "$2"; do sleep 0.1; left=$((left - 1)); done
kill -s KILL "$2"
rm -rf "$3"
"#;

/// Watches over one server process; standing down is dropping it.
#[derive(Debug)]
pub struct Guard {
    watcher: Child,
}

impl Guard {
    /// Ends `server` by this signal, and removes `folder`, once this process is gone.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn over(server: &Child, signal: &str, folder: &Path) -> Result<Self> {
        let watcher = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard", signal, &server.id().to_string()])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not for the signals that end the owner.
            .process_group(0)
            .spawn()
            .context("a guard for the server")?;
        Ok(Self { watcher })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}
