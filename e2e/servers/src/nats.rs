//! A NATS server with JetStream.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::binaries::nats_server;
use crate::guard::Guard;
use crate::process::{User, command, end, on_free_port, until_ready};

/// A private NATS server.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    program: PathBuf,
    user: Option<User>,
    port: u16,
    /// What its configuration says besides port, address and JetStream's folder.
    configuration: String,
    child: Option<(Child, Guard)>,
}

impl Nats {
    /// Starts a server that asks for no credentials.
    ///
    /// # Errors
    /// When there is no NATS server here, or it does not start.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with more of a configuration, such as `authorization { … }`.
    ///
    /// # Errors
    /// As [`Nats::start`].
    pub fn start_with(configuration: &str) -> Result<Self> {
        let program = nats_server()?;
        let user = User::unprivileged()?;
        let folder = tempfile::Builder::new()
            .prefix("countersign-nats-")
            .tempdir()?;
        if let Some(user) = user {
            user.own(folder.path())?;
        }
        let mut server = Self {
            folder,
            program,
            user,
            port: 0,
            configuration: configuration.to_owned(),
            child: None,
        };
        on_free_port(|port| {
            server.port = port;
            server.resume()
        })?;
        Ok(server)
    }

    /// Where it listens, as `nats://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it; what JetStream has stored stays.
    pub fn stop(&mut self) {
        if let Some((mut child, guard)) = self.child.take() {
            end(&mut child, "TERM");
            drop(guard);
        }
    }

    /// Starts it again, on the same port with the same store.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let file = folder.join("server.conf");
        let text = format!(
            "listen: \"127.0.0.1:{}\"\njetstream {{ store_dir: \"{}\" }}\n{}\n",
            self.port,
            folder.join("jetstream").display(),
            self.configuration
        );
        std::fs::write(&file, text)?;
        let output = folder.join("server.log");
        let mut child = command(&self.program, self.user, &output)?
            .arg("-c")
            .arg(&file)
            .spawn()
            .context("nats-server")?;
        let guard = Guard::over(&child, "TERM", folder)?;
        let port = self.port;
        until_ready(&mut child, &output, || {
            let log = std::fs::read_to_string(&output).unwrap_or_default();
            log.contains("Server is ready")
                && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        })?;
        self.child = Some((child, guard));
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}
