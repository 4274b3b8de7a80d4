//! Where values come from, and what is said of those that are wrong.

use countersign_audit::SigningKey;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::*;

const SECRET: &str = "postgres://app:hunter2@db/countersign";

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources {
        environment: pairs.iter().map(owned).collect(),
        ..Sources::default()
    }
}

fn argument(field: &str, value: &str) -> Argument {
    Argument {
        field: field.to_owned(),
        value: value.to_owned(),
        flag: "--set",
    }
}

fn file(text: &str) -> (tempfile::NamedTempFile, Sources) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let sources = Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    };
    (file, sources)
}

/// What is wrong, as text.
fn wrong(sources: &Sources) -> Vec<String> {
    let problems = Loaded::read(sources).problems;
    problems.iter().map(ToString::to_string).collect()
}

fn one_wrong(sources: &Sources) -> String {
    let wrong = wrong(sources);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    wrong.into_iter().next().expect("one")
}

#[test]
fn nothing_given_is_the_defaults_and_right() {
    let loaded = Loaded::read(&Sources::default());
    assert_eq!(loaded.problems, vec![]);
    assert_eq!(loaded.config.database.max_connections, 16);
    assert_eq!(loaded.config.commands.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(loaded.config.read_api.listen.to_string(), "127.0.0.1:8081");
    assert!(loaded.config.read_api.console);
    assert_eq!(loaded.config.sessions, SessionPolicy::default());
    assert_eq!(loaded.config.metrics.listen, None);
}

#[test]
fn arguments_win_over_the_environment_that_over_the_file_and_that_over_defaults() {
    let (_file, mut sources) = file(
        "roster = 'file.json'\n[database]\nmax_connections = 20\nacquire_timeout_ms = 1000\n\
         [nats]\nurls = ['nats://file:4222']\n",
    );
    let config = Loaded::read(&sources).config;
    assert_eq!(config.database.max_connections, 20);
    assert_eq!(config.roster, Some("file.json".into()));

    sources.environment = environment(&[
        ("COUNTERSIGN_DATABASE_MAX_CONNECTIONS", "30"),
        ("COUNTERSIGN_NATS_URLS", "nats://a:4222, tls://b:4222"),
    ])
    .environment;
    let config = Loaded::read(&sources).config;
    assert_eq!(config.database.max_connections, 30);
    assert_eq!(config.nats.urls, ["nats://a:4222", "tls://b:4222"]);

    sources.arguments = vec![argument("database.max_connections", "40")];
    let loaded = Loaded::read(&sources);
    assert_eq!(loaded.problems, vec![]);
    assert_eq!(loaded.config.database.max_connections, 40);
    assert_eq!(loaded.config.database.acquire_timeout_ms, 1000);
    let origin = |name: &str| {
        let field = loaded.fields.iter().find(|field| field.name == name);
        field.expect("the field").origin.to_string()
    };
    assert_eq!(origin("database.max_connections"), "--set");
    assert_eq!(origin("nats.urls"), "COUNTERSIGN_NATS_URLS");
    assert!(origin("database.acquire_timeout_ms").starts_with('/'));
    assert_eq!(origin("shutdown.drain_seconds"), "default");
}

#[test]
fn a_name_that_no_field_has_is_refused_with_the_nearest_one() {
    let (_file, sources) = file("[database]\nmax_conections = 3\n[sessions.sign]\nready = 1\n");
    let said = wrong(&sources).join("\n");
    assert!(
        said.contains("database.max_conections: there is no such field"),
        "{said}"
    );
    assert!(
        said.contains("did you mean `database.max_connections`?"),
        "{said}"
    );
    assert!(
        said.contains("did you mean `sessions.sign.ready_ms`?"),
        "{said}"
    );

    let said = one_wrong(&environment(&[("COUNTERSIGN_NATS_URL", "nats://a")]));
    assert!(
        said.contains("COUNTERSIGN_NATS_URL: there is no such variable"),
        "{said}"
    );
    assert!(
        said.contains("did you mean `COUNTERSIGN_NATS_URLS`?"),
        "{said}"
    );

    let sources = Sources {
        arguments: vec![argument("nats.colour", "red")],
        ..Sources::default()
    };
    let said = one_wrong(&sources);
    assert_eq!(said, "nats.colour: there is no such field (--set)");
}

#[test]
fn a_section_that_is_no_section_is_refused() {
    let (_file, sources) = file("database = 5\n");
    let said = one_wrong(&sources);
    assert!(said.starts_with("database: must be a section"), "{said}");
}

#[test]
fn variables_of_the_client_are_passed_over_and_those_of_dev_are_not() {
    let client = [("COUNTERSIGN_URL", "x"), ("COUNTERSIGN_ACCOUNT", "x")];
    assert_eq!(wrong(&environment(&client)), Vec::<String>::new());
    let said = one_wrong(&environment(&[("COUNTERSIGN_LOG", "debug")]));
    assert!(said.contains("set COUNTERSIGN_LOG_FILTER"), "{said}");
}

#[test]
fn values_that_are_wrong_name_the_field_the_source_and_the_cure() {
    for (name, value, says) in [
        (
            "COUNTERSIGN_DATABASE_MAX_CONNECTIONS",
            "many",
            "\"many\" is not a whole number",
        ),
        (
            "COUNTERSIGN_DATABASE_MAX_CONNECTIONS",
            "0",
            "is 0, and must be 2 to 1000",
        ),
        (
            "COUNTERSIGN_DATABASE_URL",
            "mysql://hunter2",
            "must begin with postgres://",
        ),
        (
            "COUNTERSIGN_COMMANDS_LISTEN",
            "8080",
            "is not an address with a port",
        ),
        (
            "COUNTERSIGN_COMMANDS_COORDINATOR_SECRET",
            "hunter2",
            "openssl rand -hex 32",
        ),
        (
            "COUNTERSIGN_PERSONAL_HASH_KEY",
            "hunter2",
            "openssl rand -hex 32",
        ),
        ("COUNTERSIGN_MASTER_KEY", "hunter2", "openssl rand -hex 32"),
        ("COUNTERSIGN_NATS_URLS", "127.0.0.1", "begin with nats://"),
        (
            "COUNTERSIGN_NATS_URLS",
            "nats://me:hunter2@host",
            "give nats.user and nats.password",
        ),
        ("COUNTERSIGN_NATS_USER", "me", "goes with nats.password"),
        (
            "COUNTERSIGN_NATS_CA_FILE",
            "/nowhere/ca.pem",
            "cannot be read",
        ),
        ("COUNTERSIGN_NATS_TLS_REQUIRED", "yes", "`true` or `false`"),
        ("COUNTERSIGN_EVENTS_REPLICAS", "2", "must be 1, 3 or 5"),
        ("COUNTERSIGN_EVENTS_STORAGE", "disk", "`file` or `memory`"),
        (
            "COUNTERSIGN_SESSIONS_SIGN_MAX_ATTEMPTS",
            "0",
            "greater than 0",
        ),
        ("COUNTERSIGN_PARTY_NAME", "Party One", "lower-case letters"),
        ("COUNTERSIGN_LOG_FORMAT", "xml", "`text` or `json`"),
        ("COUNTERSIGN_LOG_FILTER", "a=b=c", "must be a filter"),
        ("COUNTERSIGN_SHUTDOWN_DRAIN_SECONDS", "", "is empty"),
    ] {
        let said = one_wrong(&environment(&[(name, value)]));
        assert!(said.contains(says), "{name}={value}: {said}");
        assert!(said.contains(name), "{name}={value}: {said}");
        assert!(!said.contains("hunter2"), "{name}: {said}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let sources = environment(&[
        ("COUNTERSIGN_DATABASE_MAX_CONNECTIONS", "many"),
        ("COUNTERSIGN_NATS_TOKEN", "a"),
        ("COUNTERSIGN_NATS_NKEY_SEED", "b"),
        ("COUNTERSIGN_COLOUR", "red"),
    ]);
    let error = Config::load(&sources, Role::Party).expect_err("wrong");
    let fields: Vec<_> = error.problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "COUNTERSIGN_COLOUR",
            "database.max_connections",
            "nats.nkey_seed",
            "nats.urls",
            "party.name",
            "party.vault",
            "master_key",
            "roster",
        ]
    );
}

#[test]
fn a_secret_comes_itself_or_from_a_file_and_never_from_both() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), format!("{SECRET}\n")).expect("written");
    let path = secret.path().to_str().expect("a path");

    let sources = environment(&[("COUNTERSIGN_DATABASE_URL_FILE", path)]);
    let config = Config::load(&sources, Role::Migrate).expect("right");
    let url = config.database.url.expect("a URL");
    assert_eq!(url.expose_secret(), SECRET);

    let sources = environment(&[
        ("COUNTERSIGN_DATABASE_URL", SECRET),
        ("COUNTERSIGN_DATABASE_URL_FILE", path),
    ]);
    let said = one_wrong(&sources);
    assert_eq!(
        said,
        "database.url: is given twice, by COUNTERSIGN_DATABASE_URL and by \
         COUNTERSIGN_DATABASE_URL_FILE: leave one out"
    );

    let missing = environment(&[("COUNTERSIGN_DATABASE_URL_FILE", "/nowhere/url")]);
    let said = one_wrong(&missing);
    assert!(said.contains("cannot read the file"), "{said}");
    assert!(said.contains("COUNTERSIGN_DATABASE_URL_FILE"), "{said}");

    std::fs::write(secret.path(), "\n").expect("written");
    let said = one_wrong(&environment(&[("COUNTERSIGN_DATABASE_URL_FILE", path)]));
    assert!(said.contains("is empty"), "{said}");
}

#[test]
fn a_secret_is_refused_as_an_argument() {
    let sources = Sources {
        arguments: vec![argument("database.url", SECRET)],
        ..Sources::default()
    };
    let said = one_wrong(&sources);
    assert!(said.contains("COUNTERSIGN_DATABASE_URL"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn no_secret_is_ever_shown() {
    let key = "5ec2e7".repeat(11)[..64].to_owned();
    let sources = environment(&[
        ("COUNTERSIGN_DATABASE_URL", SECRET),
        ("COUNTERSIGN_NATS_USER", "me"),
        ("COUNTERSIGN_NATS_PASSWORD", "hunter2"),
        ("COUNTERSIGN_MASTER_KEY", &key),
        ("COUNTERSIGN_COMMANDS_COORDINATOR_SECRET", &key),
        ("COUNTERSIGN_PERSONAL_HASH_KEY", &key),
    ]);
    let loaded = Loaded::read(&sources);
    assert_eq!(loaded.problems, vec![]);
    let all = format!("{loaded:?}");
    assert!(!all.contains("hunter2") && !all.contains(&key), "{all}");
    let shown = |name: &str| {
        let field = loaded.fields.iter().find(|field| field.name == name);
        field.and_then(|field| field.shown.clone())
    };
    assert_eq!(shown("master_key").as_deref(), Some("(secret)"));
    assert_eq!(shown("nats.user").as_deref(), Some("me"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_without_its_content() {
    let sources = Sources {
        file: Some("/nowhere/countersign.toml".into()),
        ..Sources::default()
    };
    let said = one_wrong(&sources);
    assert!(
        said.starts_with("there is no file /nowhere/countersign.toml"),
        "{said}"
    );
    let (_file, sources) = file("[database]\nurl = postgres://app:hunter2@db\n");
    let said = one_wrong(&sources);
    assert!(said.contains("line 2"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn each_role_says_what_it_lacks_and_how_to_give_it() {
    let loaded = Loaded::read(&Sources::default());
    let missing = |role| -> Vec<String> {
        let missing = loaded.missing(role).into_iter();
        missing.map(|problem| problem.field).collect()
    };
    assert_eq!(missing(Role::Migrate), ["database.url"]);
    assert_eq!(missing(Role::Projector), ["database.url", "nats.urls"]);
    assert_eq!(
        missing(Role::ReadApi),
        ["database.url", "nats.urls", "personal.hash_key", "roster"]
    );
    let error = Config::load(&Sources::default(), Role::Migrate).expect_err("no URL");
    assert_eq!(
        error.to_string(),
        "configuration: database.url: is not set, and work on the database needs it: set \
         COUNTERSIGN_DATABASE_URL (postgres://USER:PASSWORD@HOST:PORT/DATABASE) or \
         COUNTERSIGN_DATABASE_URL_FILE"
    );
}

#[test]
fn whoever_wants_checkpoints_signed_is_told_what_is_missing_for_that() {
    let given = [
        ("COUNTERSIGN_CHECKPOINTS_ORIGIN", "countersign.example/log"),
        ("COUNTERSIGN_CHECKPOINTS_KEY", &"5a".repeat(32)),
        ("COUNTERSIGN_CHECKPOINTS_FOLDER", "/checkpoints"),
    ];
    let fields = [
        "checkpoints.origin",
        "checkpoints.key",
        "checkpoints.folder",
    ];
    let missing = |given: &[(&str, &str)], role| -> Vec<String> {
        let missing = Loaded::read(&environment(given)).missing(role);
        let missing = missing.into_iter().map(|problem| problem.field);
        missing
            .filter(|field| field.starts_with("checkpoints"))
            .collect()
    };
    for (index, one) in given.iter().enumerate() {
        let others = fields.into_iter().filter(|field| *field != fields[index]);
        assert_eq!(
            missing(&[*one], Role::Projector),
            others.collect::<Vec<_>>()
        );
        // No other role signs.
        assert_eq!(missing(&[*one], Role::ReadApi), Vec::<String>::new());
    }
    assert_eq!(missing(&given, Role::Projector), Vec::<String>::new());
}

#[test]
fn only_the_key_of_a_log_is_trusted_for_its_checkpoints() {
    let seed = Zeroizing::new([5; 32]);
    let log = SigningKey::new("countersign.example/log", &seed).expect("a name");
    let witness = SigningKey::witness("witness.example", &seed).expect("a name");
    let trusted = |key: &str| environment(&[("COUNTERSIGN_CHECKPOINTS_TRUSTED_KEY", key)]);
    let loaded = Loaded::read(&trusted(&log.verifier().to_string()));
    assert_eq!(loaded.problems, vec![]);
    assert_eq!(
        loaded.config.checkpoints.trusted_key().as_ref(),
        Some(log.verifier())
    );

    let said = one_wrong(&trusted(&witness.verifier().to_string()));
    assert!(said.starts_with("checkpoints.trusted_key: "), "{said}");
    assert!(said.contains("is the key of a witness"), "{said}");
    let said = one_wrong(&trusted("countersign.example/log"));
    assert!(said.starts_with("checkpoints.trusted_key: "), "{said}");
}

#[test]
fn every_field_has_a_variable_of_its_own() {
    let names = environment_names();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    for name in [
        "COUNTERSIGN_DATABASE_URL_FILE",
        "COUNTERSIGN_MASTER_KEY_FILE",
        "COUNTERSIGN_SESSIONS_KEYGEN_READY_MS",
        "COUNTERSIGN_READ_API_LISTEN",
        "COUNTERSIGN_CONFIG",
        "COUNTERSIGN_URL",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}
