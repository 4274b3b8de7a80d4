//! A PostgreSQL server.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::binaries::postgres_folder;
use crate::guard::Guard;
use crate::process::{User, command, end, on_free_port, until_ready};

/// A private PostgreSQL server, with `fsync` on.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    user: Option<User>,
    port: u16,
    settings: Vec<String>,
    child: Option<(Child, Guard)>,
}

impl Postgres {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// When there is no PostgreSQL here, or it does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same with settings, such as `max_connections=20`.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        let programs = postgres_folder()?;
        let user = User::unprivileged()?;
        let folder = tempfile::Builder::new()
            .prefix("countersign-pg-")
            .tempdir()?;
        if let Some(user) = user {
            user.own(folder.path())?;
        }
        let mut server = Self {
            folder,
            programs,
            user,
            port: 0,
            settings: settings.iter().map(ToString::to_string).collect(),
            child: None,
        };
        server.initialise()?;
        on_free_port(|port| {
            server.port = port;
            server.resume()
        })?;
        Ok(server)
    }

    /// The URL of a database on this server; `postgres` is always there.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://countersign@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops it: `fast` ends its sessions in order, else it is as after a crash.
    pub fn stop(&mut self, fast: bool) {
        if let Some((mut child, guard)) = self.child.take() {
            end(&mut child, if fast { "INT" } else { "QUIT" });
            drop(guard);
        }
    }

    /// Starts it again, on the same port with the same data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&mut self) -> Result<()> {
        let output = self.folder.path().join("server.log");
        let mut command = command(&self.programs.join("postgres"), self.user, &output)?;
        command.arg("-D").arg(self.data());
        let fixed = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            "max_connections=200".to_owned(),
        ];
        for setting in fixed.iter().chain(&self.settings) {
            command.arg("-c").arg(setting);
        }
        let mut child = command.spawn().context("postgres")?;
        let guard = Guard::over(&child, "QUIT", self.folder.path())?;
        let port = self.port;
        let pid = self.data().join("postmaster.pid");
        // The last line of the file tells when connections are taken.
        until_ready(&mut child, &output, || {
            let status = std::fs::read_to_string(&pid).unwrap_or_default();
            let ready = status.lines().any(|line| line.trim() == "ready");
            ready && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        })?;
        self.child = Some((child, guard));
        Ok(())
    }

    fn initialise(&self) -> Result<()> {
        let output = self.folder.path().join("initdb.log");
        let status = command(&self.programs.join("initdb"), self.user, &output)?
            .arg("-D")
            .arg(self.data())
            .args(["-U", "countersign", "--auth=trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .status()
            .context("initdb")?;
        let log = std::fs::read_to_string(&output).unwrap_or_default();
        ensure!(status.success(), "initdb failed: {log}");
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop(true);
    }
}
