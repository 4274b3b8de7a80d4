//! What keeps a process from starting: one error that names what is to be mended, or
//! one that says what is waited for.

use countersign_e2e::production::Production;
use countersign_e2e::sessions::until;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// Starts a service that cannot, and returns its exit code and what it said.
fn refused(system: &mut Production, service: &str) -> (Option<i32>, String) {
    let process = system.start(service);
    let status = process.await_end();
    let said = process.said();
    system.kill(service);
    (status.code(), said)
}

/// Asserts that the last line says this, and that it is the only error.
fn assert_one_error(said: &str, parts: &[&str]) {
    let errors: Vec<_> = said
        .lines()
        .filter(|it| it.starts_with("countersign: "))
        .collect();
    let [error] = errors.as_slice() else {
        panic!("one error: {said}");
    };
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_url_that_is_none_ends_the_process_and_names_the_field() {
    let mut system = Production::set_up(BINARY);
    let variable = "COUNTERSIGN_DATABASE_URL_FILE";
    for role in ["commands-1", "projector-1", "read-api-1"] {
        system.change_secret(role, variable, "mysql://somewhere/else");
        let (code, said) = refused(&mut system, role);
        assert_eq!(code, Some(2), "{said}");
        assert_one_error(&said, &["database.url"]);
        assert!(!said.contains("somewhere"), "{said}");
    }
    system.change("party-alpha", "COUNTERSIGN_NATS_URLS", "http://nats:4222");
    let (code, said) = refused(&mut system, "party-alpha");
    assert_eq!(code, Some(2), "{said}");
    assert_one_error(&said, &["nats.urls"]);
}

#[test]
fn a_server_that_is_not_there_is_waited_for_and_said_so() {
    let mut system = Production::set_up_on_own_server(BINARY, &[]);
    system.postgres.as_mut().expect("its own").stop(true);
    for role in ["commands-1", "projector-1", "read-api-1"] {
        system.start(role);
        let said = until("it says what it waits for", || {
            let said = system.process(role).said();
            said.contains("waiting for PostgreSQL").then_some(said)
        });
        assert!(said.contains("cannot be reached"), "{said}");
        assert!(!system.process(role).is_ready());
    }
    assert_eq!(system.stop("projector-1").code(), Some(0));
    let server = system.postgres.as_mut().expect("its own");
    server.resume().expect("PostgreSQL");
    system.await_ready();
}

#[test]
fn credentials_that_are_refused_end_the_process_and_name_the_field() {
    let mut system = Production::set_up(BINARY);
    let url = system
        .database()
        .replace("countersign@", "somebody:tell-nobody@");
    let variable = "COUNTERSIGN_DATABASE_URL_FILE";
    for role in ["commands-1", "projector-1", "read-api-1"] {
        system.change_secret(role, variable, &url);
        let (code, said) = refused(&mut system, role);
        assert_ne!(code, Some(0));
        assert_one_error(&said, &["database.url", "credentials"]);
        assert!(!said.contains("tell-nobody"), "{said}");
    }
    let variable = "COUNTERSIGN_NATS_PASSWORD_FILE";
    for role in ["commands-2", "party-alpha"] {
        system.change_secret(role, variable, "not-the-password");
        let (code, said) = refused(&mut system, role);
        assert_ne!(code, Some(0));
        assert_one_error(&said, &["nats."]);
        assert!(!said.contains("not-the-password"), "{said}");
    }
}

#[test]
fn the_schema_of_a_newer_version_ends_the_process() {
    let mut system = Production::set_up(BINARY);
    let _ = system.query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', true, '\\x00', 0) RETURNING description",
    );
    for role in ["commands-1", "projector-1", "read-api-1"] {
        let (code, said) = refused(&mut system, role);
        assert_eq!(code, Some(6), "{said}");
        assert_one_error(&said, &["schema version 9999"]);
    }
}

#[test]
fn the_schema_that_is_not_there_is_waited_for() {
    let mut system = Production::set_up(BINARY);
    let empty = Production::empty_database();
    let variable = "COUNTERSIGN_DATABASE_URL_FILE";
    for service in ["migrate", "read-api-1"] {
        system.change_secret(service, variable, &empty);
    }
    system.start("read-api-1");
    until("it says what is to be done", || {
        let said = system.process("read-api-1").said();
        said.contains("countersign migrate").then_some(())
    });
    let (status, said) = system.run("migrate", &[]);
    assert!(status.success(), "{said}");
    // What has been made already is not made again.
    let (status, said) = system.run("migrate", &["--check"]);
    assert!(status.success(), "{said}");
    assert!(system.process("read-api-1").is_running());
}

#[test]
fn a_roster_that_is_another_is_named_at_once() {
    let mut system = Production::set_up(BINARY);
    let text = std::fs::read_to_string(system.roster()).expect("the roster");
    system.change_secret(
        "party-alpha",
        "COUNTERSIGN_ROSTER",
        &text.replace("alpha", "delta"),
    );
    let (code, said) = refused(&mut system, "party-alpha");
    assert_ne!(code, Some(0));
    assert_one_error(&said, &["roster", "alpha"]);
}
