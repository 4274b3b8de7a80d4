//! One process of the system.

use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use countersign_test_servers::Guard;
use ureq::Agent;

/// How long a process may take to get ready or to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    _guard: Guard,
    output: PathBuf,
    /// Where it says whether it is ready.
    health: u16,
}

impl Process {
    /// Starts it, with its output at the end of a file.
    pub(super) fn start(
        name: &str,
        mut command: Command,
        output: &Path,
        health: u16,
        folder: &Path,
    ) -> Self {
        let log = append(output);
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        let child = command.spawn().expect("the binary starts");
        Self {
            name: name.to_owned(),
            _guard: Guard::over(&child, "KILL", folder).expect("a guard"),
            child,
            output: output.to_owned(),
            health,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it says that it is ready for work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(5)));
        let agent: Agent = config.build().new_agent();
        let url = format!("http://{}:{}/readyz", Ipv4Addr::LOCALHOST, self.health);
        agent.get(url).call().is_ok()
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it ends or takes too long; shows what it said.
    pub fn await_ready(&mut self) {
        let begun = Instant::now();
        while !self.is_ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended ({status}):\n{}", self.name, self.said());
            }
            let waited = begun.elapsed();
            assert!(
                waited < PATIENCE,
                "{} is not ready:\n{}",
                self.name,
                self.said()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it takes too long; shows what it said.
    #[must_use]
    pub fn await_end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            let waited = begun.elapsed();
            assert!(
                waited < PATIENCE,
                "{} does not end:\n{}",
                self.name,
                self.said()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, such as `TERM`.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, name: &str) {
        let told = countersign_test_servers::signal(&self.pid().to_string(), name);
        assert!(told, "{} is gone", self.name);
    }

    /// What it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a file")
}
