//! Where on this machine a container's hosts, ports, folders and secrets are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::compose::{Compose, Service, repository};

/// Below the ports that the system gives to outgoing connections: a process that is
/// stopped finds its port free when it is started again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The map from containers to this machine.
#[derive(Debug)]
pub(super) struct Places {
    root: PathBuf,
    names: Vec<String>,
    ports: Mutex<BTreeMap<(String, u16), u16>>,
}

impl Places {
    /// Folders below `root`; nothing has a port yet.
    pub(super) fn new(compose: &Compose, root: &Path) -> Self {
        for volume in compose.volumes.keys() {
            std::fs::create_dir_all(root.join("volumes").join(volume)).expect("a folder");
        }
        let mut names: Vec<_> = compose.services.keys().cloned().collect();
        // `party-1-init` before `party-1`.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self {
            root: root.to_owned(),
            names,
            ports: Mutex::default(),
        }
    }

    /// Says where a server is that runs already.
    pub(super) fn at(&self, service: &str, port: u16, here: u16) {
        let mut ports = self.ports.lock().expect("no panic holds it");
        ports.insert((service.to_owned(), port), here);
    }

    /// The port on this machine; a free one is found for it at first.
    pub(super) fn port(&self, service: &str, port: u16) -> u16 {
        let mut ports = self.ports.lock().expect("no panic holds it");
        *ports
            .entry((service.to_owned(), port))
            .or_insert_with(free_port)
    }

    /// The file of a secret.
    pub(super) fn secret(&self, name: &str) -> PathBuf {
        self.root.join("secrets").join(name)
    }

    /// The folder that a volume is.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.root.join("volumes").join(name)
    }

    /// A text of a service's command or environment, as it is on this machine.
    pub(super) fn translate(&self, name: &str, service: &Service, text: &str) -> String {
        let mut text = text.to_owned();
        for (inside, here) in self.folders(service) {
            if text.starts_with(&inside) {
                text = text.replacen(&inside, &here.display().to_string(), 1);
            }
        }
        // In this order: what is translated must not be translated again.
        for own in ["127.0.0.1", "0.0.0.0"] {
            text = self.translate_host(&text, own, name);
        }
        for host in &self.names {
            text = self.translate_host(&text, host, host);
        }
        text
    }

    fn folders(&self, service: &Service) -> Vec<(String, PathBuf)> {
        let mut folders: Vec<_> = service
            .volumes
            .iter()
            .map(|volume| {
                let mut parts = volume.split(':');
                let source = parts.next().unwrap_or_default();
                let inside = parts.next().expect("SOURCE:PATH");
                let here = match source.strip_prefix("./") {
                    Some(path) => repository().join(path),
                    None => self.volume(source),
                };
                (inside.to_owned(), here)
            })
            .collect();
        for secret in &service.secrets {
            folders.push((format!("/run/secrets/{secret}"), self.secret(secret)));
        }
        folders.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));
        folders
    }

    /// Replaces `host:PORT` where it stands as a word.
    fn translate_host(&self, text: &str, host: &str, service: &str) -> String {
        let needle = format!("{host}:");
        let mut done = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(&needle) {
            let (before, found) = rest.split_at(at);
            let after = &found[needle.len()..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let part_of_a_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '-');
            done.push_str(before);
            match after[..digits].parse() {
                Ok(port) if !part_of_a_word => {
                    let here = self.port(service, port);
                    done.push_str(&format!("{}:{here}", Ipv4Addr::LOCALHOST));
                }
                _ => done.push_str(&found[..needle.len() + digits]),
            }
            rest = &after[digits..];
        }
        done.push_str(rest);
        done
    }
}

/// A port that nobody listens on, and that no other test of this process was given.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().expect("no panic holds it");
    loop {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).expect("entropy");
        let span = PORTS.end - PORTS.start;
        let port = PORTS.start + u16::from_be_bytes(bytes) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
services:
  nats: { image: nats }
  party-1-init: { image: countersign }
  party-1:
    image: countersign
    volumes: ["shares:/var/lib/vault", "./deploy/nats.conf:/etc/nats.conf:ro"]
    secrets: [master]
secrets: {}
networks: {}
volumes: { shares: }
"#;

    #[test]
    fn hosts_ports_folders_and_secrets_are_where_they_are_here() {
        let compose = Compose::parse(FILE);
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::new(&compose, root.path());
        places.at("nats", 4222, 7);
        let party = &compose.services["party-1"];
        let translate = |text| places.translate("party-1", party, text);
        let shown = |path: PathBuf| path.display().to_string();
        assert_eq!(translate("nats://nats:4222"), "nats://127.0.0.1:7");
        assert_eq!(
            translate("/run/secrets/master"),
            shown(places.secret("master"))
        );
        assert_eq!(
            translate("/var/lib/vault/a.redb"),
            shown(places.volume("shares").join("a.redb"))
        );
        let own = format!("127.0.0.1:{}", places.port("party-1", 9090));
        assert_eq!(translate("0.0.0.0:9090"), own);
        assert_eq!(
            translate("http://party-1:9090/x"),
            format!("http://{own}/x")
        );
        assert_eq!(translate("info"), "info");
    }
}
