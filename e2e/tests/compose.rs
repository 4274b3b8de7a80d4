//! `docker-compose.yml` against the binary: what it says is what the binary takes,
//! and what it promises about its containers is there.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use countersign_e2e::compose::{Compose, Service, repository};

/// Every service of the binary, and that there are as many as we know of: a test
/// that looked at none would pass.
fn ours(compose: &Compose) -> Vec<(&str, &Service)> {
    let all = compose.services.iter();
    let ours: Vec<_> = all
        .filter(|(_, service)| service.is_ours())
        .map(|(name, service)| (name.as_str(), service))
        .collect();
    assert_eq!(ours.len(), 16, "{ours:?}");
    ours
}

#[test]
fn the_binary_takes_every_command() {
    let compose = Compose::read();
    for (name, service) in ours(&compose) {
        assert!(!service.command.is_empty(), "{name} has no command");
        let taken = countersign::check_arguments(&service.command);
        assert_eq!(taken, Ok(()), "{name}");
    }
    assert!(countersign::check_arguments(["read-apu"]).is_err());
}

#[test]
fn the_binary_takes_every_variable() {
    let known: BTreeSet<_> = countersign::config::environment_names()
        .into_iter()
        .collect();
    let compose = Compose::read();
    for (name, service) in ours(&compose) {
        for variable in service.environment.keys() {
            assert!(known.contains(variable), "{name}: {variable}");
        }
    }
}

#[test]
fn containers_have_no_more_rights_than_they_need() {
    let compose = Compose::read();
    for (name, service) in &compose.services {
        let user = service.user.as_deref().unwrap_or_default();
        assert_eq!(
            user, "${COUNTERSIGN_UID:-10001}:${COUNTERSIGN_GID:-10001}",
            "{name}: not root, and one who can read the secrets"
        );
        assert!(service.read_only, "{name}: its root file system");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
    }
}

#[test]
fn what_stays_up_says_whether_it_is_well() {
    let compose = Compose::read();
    for (name, service) in &compose.services {
        let once = service.restart.as_deref() == Some("on-failure");
        let asked_for = !service.profiles.is_empty();
        assert_eq!(
            service.healthcheck.is_some(),
            !once && !asked_for,
            "{name}: a health check, or it ends by itself"
        );
    }
    for role in compose.roles() {
        let test = &compose.services[role]
            .healthcheck
            .as_ref()
            .expect("one")
            .test;
        assert_eq!(*test, ["CMD", "healthcheck", "9090"], "{role}");
    }
}

#[test]
fn names_that_services_use_are_there() {
    let compose = Compose::read();
    let mut used = BTreeSet::new();
    for (name, service) in &compose.services {
        for secret in &service.secrets {
            assert!(compose.secrets.contains_key(secret), "{name}: {secret}");
            used.insert(secret);
        }
        for network in &service.networks {
            assert!(compose.networks.contains_key(network), "{name}: {network}");
        }
        for other in service.depends_on.keys() {
            assert!(compose.services.contains_key(other), "{name}: {other}");
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap_or_default();
            match source.strip_prefix("./") {
                Some(file) => assert!(repository().join(file).is_file(), "{name}: {file}"),
                None => assert!(compose.volumes.contains_key(source), "{name}: {source}"),
            }
        }
        for (variable, value) in &service.environment {
            if let Some(secret) = value.strip_prefix("/run/secrets/") {
                let seen = service.secrets.iter().any(|it| it == secret);
                assert!(seen, "{name}: {variable} is a secret that it does not see");
            }
        }
    }
    assert_eq!(used.len(), compose.secrets.len(), "a secret for nobody");
}

#[test]
fn a_party_sees_its_own_secrets_and_vault_only() {
    let compose = Compose::read();
    for name in ["alpha", "bravo", "carol"] {
        let party = &compose.services[&format!("party-{name}")];
        let secrets = [
            format!("party_{name}_master_key"),
            format!("nats_party_{name}_password"),
        ];
        assert_eq!(party.secrets, secrets);
        assert_eq!(party.networks, ["bus"]);
        let vault = format!("party-{name}:/var/lib/countersign/vault");
        assert_eq!(party.volumes[0], vault);
        assert_eq!(party.environment["COUNTERSIGN_PARTY_NAME"], name);
        for (service, other) in &compose.services {
            let own = service.starts_with(&format!("party-{name}"));
            assert!(own || !other.secrets.contains(&secrets[0]), "{service}");
            assert!(own || !other.volumes.contains(&vault), "{service}");
        }
    }
}

#[test]
fn secrets_are_made_once_and_for_nobody_else() {
    let compose = Compose::read();
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("secrets");
    let first = contents(&folder, &compose);
    assert_eq!(contents(&folder, &compose), first, "what is there stays");
    let other = contents(&root.path().join("others"), &compose);
    for (name, text) in &first {
        let same = other.iter().find(|(it, _)| it == name).expect("a secret");
        assert_ne!(&same.1, text, "{name} is the same everywhere");
    }
}

/// Runs the script, and returns every secret of the file with its text.
fn contents(folder: &Path, compose: &Compose) -> Vec<(String, String)> {
    let script = repository().join("deploy/make-secrets");
    let made: Output = Command::new(script).arg(folder).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    assert_eq!(mode(folder) & 0o777, 0o700);
    let secrets = compose.secrets.iter().map(|(name, secret)| {
        assert_eq!(secret.file, Path::new("./deploy/secrets").join(name));
        let path = folder.join(name);
        assert_eq!(mode(&path) & 0o777, 0o600, "{name}");
        (name.clone(), std::fs::read_to_string(path).expect("text"))
    });
    secrets.collect()
}
