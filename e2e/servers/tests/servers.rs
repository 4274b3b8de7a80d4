//! The program that runs a command with servers: what it sets, and what it leaves.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign_test_servers::{Nats, Postgres};

/// Prints both addresses, then does what follows.
const TELL: &str = "echo $DATABASE_URL; echo $NATS_URL; ";

struct Started {
    child: Child,
    /// `host:port` of both servers.
    addresses: Vec<String>,
}

fn start(then: &str) -> Started {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign-test-servers"))
        .args(["sh", "-c", &format!("{TELL}{then}")])
        .env_remove("DATABASE_URL")
        .env_remove("NATS_URL")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let addresses = lines
        .take(2)
        .map(|line| {
            let line = line.expect("text");
            let address = line.rsplit_once("://").expect("a URL").1;
            let address = address.rsplit_once('@').map_or(address, |(_, it)| it);
            address.split('/').next().expect("an address").to_owned()
        })
        .collect();
    Started { child, addresses }
}

impl Started {
    fn signal(&self, name: &str) {
        let told = countersign_test_servers::signal(&self.child.id().to_string(), name);
        assert!(told);
    }

    /// Asserts that nobody listens there any more, before long.
    fn gone(&self) {
        let begun = Instant::now();
        for address in &self.addresses {
            while TcpStream::connect(address).is_ok() {
                assert!(begun.elapsed() < Duration::from_secs(60), "{address}");
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_command_gets_servers_and_its_code_is_passed_on() {
    let mut started = start("exit 7");
    assert_eq!(started.addresses.len(), 2);
    assert_eq!(started.child.wait().expect("it ends").code(), Some(7));
    started.gone();
}

#[test]
fn told_to_end_it_ends_the_command_and_the_servers() {
    let mut started = start("exec sleep 600");
    for address in &started.addresses {
        TcpStream::connect(address).expect("a server");
    }
    started.signal("TERM");
    let status = started.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(128 + 15));
    started.gone();
}

#[test]
fn killed_it_leaves_no_server_behind() {
    let mut started = start("exec sleep 5");
    started.signal("KILL");
    started.child.wait().expect("it ends");
    started.gone();
}

#[test]
fn a_server_that_was_stopped_comes_back_on_its_port() {
    let mut nats = Nats::start().expect("NATS");
    let port = nats.port();
    nats.stop();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    nats.resume().expect("it starts again");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    let mut postgres = Postgres::start().expect("PostgreSQL");
    let url = postgres.url("postgres");
    postgres.stop(false);
    postgres.resume().expect("it starts again");
    assert_eq!(url, postgres.url("postgres"));
}
