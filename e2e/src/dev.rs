//! A running `countersign dev`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::http::Api;

/// The process, on free ports; killed when dropped.
#[derive(Debug)]
pub struct Dev {
    child: Child,
    /// Its two APIs.
    pub api: Api,
    /// The endpoints that manage webhooks.
    pub webhooks: String,
    /// Its data directory.
    pub data_dir: PathBuf,
}

impl Dev {
    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not get ready; its log is on the test's stderr.
    #[must_use]
    pub fn start(binary: &str, data_dir: &Path) -> Self {
        Self::start_with(binary, data_dir, &[], &[])
    }

    /// Starts it with further arguments and environment variables.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with(
        binary: &str,
        data_dir: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Command::new(binary)
            .args(["--json", "dev", "--listen", "127.0.0.1:0"])
            .args(["--read-listen", "127.0.0.1:0"])
            .args(["--webhooks-listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .env("COUNTERSIGN_LOG", "warn")
            .env_remove("COUNTERSIGN_MASTER_KEY")
            .env_remove("COUNTERSIGN_MASTER_KEY_FILE")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it writes a line");
        let ready: Value = serde_json::from_str(&line).expect("it says that it is ready");
        let url = |name: &str| ready[name].as_str().expect("a URL").to_owned();
        assert_eq!(url("console_url"), format!("{}/console/", url("read_url")));
        Self {
            child,
            api: Api::new(url("url"), url("read_url")),
            webhooks: url("webhooks_url"),
            data_dir: data_dir.to_owned(),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The client's own copy of the roster.
    #[must_use]
    pub fn roster(&self) -> PathBuf {
        self.data_dir.join("roster.json")
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn crash(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// When it cannot be signalled.
    #[must_use]
    pub fn stop(mut self) -> ExitStatus {
        let told = countersign_test_servers::signal(&self.child.id().to_string(), "TERM");
        assert!(told);
        self.child.wait().expect("it ends")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
