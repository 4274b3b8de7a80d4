//! The whole system as processes of their own: those of `docker-compose.yml`, with
//! its commands, environment, volumes and secrets, on this machine's servers.

mod places;
mod process;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_test_servers::{Nats, Postgres};
use tempfile::TempDir;

use crate::compose::{Compose, repository};
use crate::http::Api;
use places::Places;
pub use process::Process;

/// One system at a time: the tests of a program would otherwise run several times
/// ten processes on the same cores, and see each other's slowness.
static ALONE: Mutex<()> = Mutex::new(());

/// The services and the servers they are on.
#[derive(Debug)]
pub struct Production {
    binary: PathBuf,
    compose: Compose,
    places: Places,
    /// Stopped before the servers and the folder go.
    running: BTreeMap<String, Process>,
    /// What a test puts into the environment besides.
    changes: BTreeMap<String, BTreeMap<String, String>>,
    /// How large a file may grow that a service writes, in bytes.
    limits: BTreeMap<String, u64>,
    /// The bus.
    pub nats: Nats,
    /// The database server, when it is this system's own.
    pub postgres: Option<Postgres>,
    database: String,
    root: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Production {
    /// Sets everything up on a database of its own in the tests' server, and starts
    /// no role yet.
    ///
    /// # Panics
    /// When something does not work.
    #[must_use]
    pub fn set_up(binary: &str) -> Self {
        let database = block_on(countersign_test_servers::database());
        Self::new(binary, database.url, None)
    }

    /// The same on a database server of its own, which may be stopped.
    ///
    /// # Panics
    /// When something does not work.
    #[must_use]
    pub fn set_up_on_own_server(binary: &str, settings: &[&str]) -> Self {
        let server = Postgres::start_with(settings).expect("PostgreSQL");
        let url = server.url("postgres");
        let database = block_on(countersign_test_servers::database_in(&url));
        Self::new(binary, database.expect("a database").url, Some(server))
    }

    /// The URL of an empty database, in the tests' server.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn empty_database() -> String {
        block_on(countersign_test_servers::database()).url
    }

    /// Sets up and starts every role, and waits until all are ready.
    ///
    /// # Panics
    /// When something does not work.
    #[must_use]
    pub fn up(binary: &str) -> Self {
        let mut system = Self::set_up(binary);
        system.start_all();
        system
    }

    fn new(binary: &str, database: String, postgres: Option<Postgres>) -> Self {
        // A test that failed has poisoned nothing: its system went with it.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let compose = Compose::read();
        let root = tempfile::Builder::new()
            .prefix("countersign-production-")
            .tempdir()
            .expect("a folder");
        let places = Places::new(&compose, root.path());
        for folder in ["logs", "work"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        make_secrets(&root.path().join("secrets"));
        std::fs::write(places.secret("database_url"), &database).expect("a secret");
        let nats = Nats::start_with(&nats_configuration(&places)).expect("NATS");
        places.at("nats", 4222, nats.port());
        // In front of the replicas there is no proxy here: the first one is asked.
        places.at("proxy", 8080, places.port("commands-1", 8080));
        places.at("proxy", 8081, places.port("read-api-1", 8081));
        let system = Self {
            binary: binary.into(),
            compose,
            places,
            running: BTreeMap::new(),
            changes: BTreeMap::new(),
            limits: BTreeMap::new(),
            nats,
            postgres,
            database,
            root,
            _alone: alone,
        };
        for service in system.compose.set_up() {
            system.run_once(service);
        }
        system
    }

    /// The names of all roles' services.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        self.compose.roles().map(ToOwned::to_owned).collect()
    }

    /// Changes one variable of a service, from its next start.
    pub fn change(&mut self, service: &str, variable: &str, value: &str) {
        let changes = self.changes.entry(service.to_owned()).or_default();
        changes.insert(variable.to_owned(), value.to_owned());
    }

    /// Makes a secret of a service another one, from its next start.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn change_secret(&mut self, service: &str, variable: &str, text: &str) {
        let path = self
            .root
            .path()
            .join("work")
            .join(format!("{service}-{variable}"));
        std::fs::write(&path, text).expect("a secret");
        self.change(service, variable, &path.display().to_string());
    }

    /// From its next start, no file that a service writes grows beyond this many bytes
    /// (or it may again): as if the disk were full.
    pub fn limit_files(&mut self, service: &str, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => self.limits.insert(service.to_owned(), bytes),
            None => self.limits.remove(service),
        };
    }

    /// Starts a service, and does not wait.
    ///
    /// # Panics
    /// When it runs already.
    pub fn start(&mut self, service: &str) -> &mut Process {
        assert!(!self.running.contains_key(service), "{service} runs");
        let process = Process::start(
            service,
            self.command(service),
            &self.log_file(service),
            self.places.port(service, 9090),
            self.root.path(),
        );
        self.running.entry(service.to_owned()).or_insert(process)
    }

    /// Starts every role that does not run, and waits until all are ready.
    ///
    /// # Panics
    /// When one does not get ready.
    pub fn start_all(&mut self) {
        for service in self.roles() {
            if !self.running.contains_key(&service) {
                self.start(&service);
            }
        }
        self.await_ready();
    }

    /// Waits until all that run are ready.
    ///
    /// # Panics
    /// When one does not get ready.
    pub fn await_ready(&mut self) {
        for process in self.running.values_mut() {
            process.await_ready();
        }
    }

    /// A running service.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process(&mut self, service: &str) -> &mut Process {
        self.running.get_mut(service).expect("it runs")
    }

    /// A service, if it runs.
    pub fn try_process(&mut self, service: &str) -> Option<&mut Process> {
        self.running.get_mut(service)
    }

    /// Where a container's port is on this machine.
    #[must_use]
    pub fn port(&self, service: &str, port: u16) -> u16 {
        self.places.port(service, port)
    }

    /// Kills a service, as a crash would.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, service: &str) {
        let process = self.running.remove(service).expect("it runs");
        drop(process);
    }

    /// Asks a service to stop, and waits for its end.
    ///
    /// # Panics
    /// When it does not run or does not end.
    #[must_use]
    pub fn stop(&mut self, service: &str) -> ExitStatus {
        let mut process = self.running.remove(service).expect("it runs");
        process.signal("TERM");
        process.await_end()
    }

    /// Runs a service that ends by itself, with further arguments; its exit status
    /// and what it said.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn run(&self, service: &str, arguments: &[&str]) -> (ExitStatus, String) {
        let output = self.command(service).args(arguments).output();
        let output = output.expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status, text(output.stdout) + &text(output.stderr))
    }

    fn run_once(&self, service: &str) {
        let (status, said) = self.run(service, &[]);
        assert!(status.success(), "{service}: {status}:\n{said}");
    }

    /// Both APIs, as one of the replicas of each has them.
    #[must_use]
    pub fn api(&self, replica: u8) -> Api {
        let url = |service: &str, port| {
            let here = self.places.port(&format!("{service}-{replica}"), port);
            format!("http://{}:{here}", Ipv4Addr::LOCALHOST)
        };
        Api::new(url("commands", 8080), url("read-api", 8081))
    }

    /// The metrics of a service, as it shows them.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn metrics(&self, service: &str) -> String {
        let here = self.places.port(service, 9090);
        let url = format!("http://{}:{here}/metrics", Ipv4Addr::LOCALHOST);
        let mut answer = ureq::get(url).call().expect("metrics");
        answer.body_mut().read_to_string().expect("text")
    }

    /// The clients' copy of the roster.
    #[must_use]
    pub fn roster(&self) -> PathBuf {
        self.places.volume("roster").join("roster.json")
    }

    /// The folder that a volume is.
    #[must_use]
    pub fn volume(&self, name: &str) -> PathBuf {
        self.places.volume(name)
    }

    /// The URL of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Asks the database; every row is one text.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn query(&self, sql: &str) -> Vec<String> {
        block_on(countersign_test_servers::query(&self.database, sql)).expect("rows")
    }

    /// Another command of the binary, with what a service has in its environment.
    ///
    /// # Panics
    /// When there is no such service.
    #[must_use]
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Command {
        let like = self.command(name);
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear();
        for (variable, value) in like.get_envs() {
            if let Some(value) = value {
                command.env(variable, value);
            }
        }
        command
    }

    /// A command as a service of the file would run it.
    ///
    /// # Panics
    /// When there is no such service.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let service = &self.compose.services[name];
        let here = |text: &str| self.places.translate(name, service, text);
        let work = self.root.path().join("work").join(name);
        std::fs::create_dir_all(&work).expect("a folder");
        let mut command = match self.limits.get(name) {
            None => Command::new(&self.binary),
            Some(bytes) => {
                let mut command = Command::new("/bin/sh");
                // With the signal ignored, a write beyond the limit is an error.
                let script = r#"trap "" XFSZ; ulimit -f "$1"; shift; exec "$@""#;
                let blocks = bytes.div_ceil(512).to_string();
                command
                    .args(["-c", script, "limited", &blocks])
                    .arg(&self.binary);
                command
            }
        };
        command
            .args(service.command.iter().map(|text| here(text)))
            .env_clear()
            .envs(service.environment.iter().map(|(k, v)| (k, here(v))))
            .envs(self.changes.get(name).into_iter().flatten())
            .current_dir(work);
        command
    }

    fn log_file(&self, service: &str) -> PathBuf {
        self.root.path().join("logs").join(format!("{service}.log"))
    }

    /// Shows the end of every log: what a failed test needs.
    fn show_logs(&self) {
        for service in self.compose.services.keys() {
            let Ok(log) = std::fs::read_to_string(self.log_file(service)) else {
                continue;
            };
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(25)..];
            eprintln!("--- {service}\n{}", last.join("\n"));
        }
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        self.running.clear();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// With the program that people use for it.
fn make_secrets(folder: &Path) {
    let made = Command::new(repository().join("deploy/make-secrets"))
        .arg(folder)
        .output()
        .expect("deploy/make-secrets runs");
    assert!(made.status.success(), "{made:?}");
}

/// `deploy/nats.conf`, with the passwords that the container has in its environment.
fn nats_configuration(places: &Places) -> String {
    let passwords = std::fs::read_to_string(places.secret("nats_passwords")).expect("a secret");
    let settings = std::fs::read_to_string(repository().join("deploy/nats.conf"));
    let settings = settings.expect("deploy/nats.conf");
    // Where it listens and stores is different here.
    let (_, users) = settings
        .split_once("\nauthorization {")
        .expect("users and permissions");
    format!("{passwords}\nauthorization {{{users}")
}
