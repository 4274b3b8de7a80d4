//! What a log says when there is no way to it, and what it takes for one.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use countersign_event_store::{
    LogError, PostgresConfig, PostgresLog,
    postgres::{Migrated, SchemaStatus, known_version, migrate, schema},
};
use countersign_test_servers::{Postgres, database};
use futures::future::join_all;
use tokio::net::TcpListener;

use crate::support::{bounded, connect, execute};

async fn refused(url: &str) -> LogError {
    let config = PostgresConfig {
        acquire_timeout: Duration::from_secs(20),
        ..PostgresConfig::new(url)
    };
    let error = bounded(PostgresLog::connect(config)).await.unwrap_err();
    for said in [error.to_string(), format!("{error:?}")] {
        assert!(!said.contains("hunter2"), "{said}");
    }
    error
}

#[tokio::test]
async fn the_schema_has_to_be_the_one_of_this_program() {
    let url = database().await.url;
    let known = known_version();
    assert_eq!(
        schema(&url[..].into()).await.unwrap(),
        SchemaStatus::Missing
    );
    let error = refused(&url).await;
    assert!(matches!(error, LogError::NoSchema { .. }), "{error:?}");
    assert!(error.to_string().contains("countersign migrate"), "{error}");

    let migrated = migrate(&url[..].into()).await.unwrap();
    assert_eq!(migrated, Migrated { from: 0, to: known });
    let current = SchemaStatus::Current { version: known };
    assert_eq!(schema(&url[..].into()).await.unwrap(), current);

    let mut other = connect(&url).await;
    let newer = "INSERT INTO _sqlx_migrations VALUES (999, 'later', now(), true, 'x', 1)";
    execute(&mut other, newer).await.unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, LogError::NewerSchema { found: 999, .. }));
    let error = migrate(&url[..].into()).await.unwrap_err();
    assert!(matches!(error, LogError::NewerSchema { found: 999, .. }));

    let older = format!("DELETE FROM _sqlx_migrations WHERE version IN (999, {known})");
    execute(&mut other, &older).await.unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, LogError::OlderSchema { .. }), "{error:?}");
    assert!(error.to_string().contains("countersign migrate"), "{error}");

    execute(&mut other, "UPDATE _sqlx_migrations SET checksum = 'x'")
        .await
        .unwrap();
    assert!(matches!(refused(&url).await, LogError::Damaged { .. }));
    assert!(schema(&url[..].into()).await.is_err());
}

#[tokio::test]
async fn many_may_migrate_at_once() {
    let url = database().await.url;
    let secret = url[..].into();
    for migrated in join_all((0..8).map(|_| migrate(&secret))).await {
        assert_eq!(migrated.unwrap().to, known_version());
    }
}

#[tokio::test]
async fn the_events_of_another_program_are_left_alone() {
    let url = database().await.url;
    execute(&mut connect(&url).await, "CREATE TABLE events (id int)")
        .await
        .unwrap();
    let error = migrate(&url[..].into()).await.unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert_eq!(
        schema(&url[..].into()).await.unwrap(),
        SchemaStatus::Missing
    );
}

#[tokio::test]
async fn a_counter_that_is_not_where_the_events_end_is_damage() {
    let url = crate::support::database().await.url;
    let mut other = connect(&url).await;
    execute(&mut other, "UPDATE log_head SET position = 7")
        .await
        .unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_url_that_is_none_is_told_apart() {
    for url in [
        "",
        "hunter2",
        "localhost:5432/db",
        "mysql://u:hunter2@localhost/db",
        "postgres://u:hunter2@localhost:port/db",
        "postgres://u:hunter2@localhost:5432/db?sslmode=hunter2",
        "postgres://u:hunter2@[::1/db",
    ] {
        let error = refused(url).await;
        assert!(
            matches!(error, LogError::Address { .. }),
            "{url}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://u:hunter2@127.0.0.1:{port}/db");
    // It takes the connection and says nothing.
    let config = PostgresConfig {
        acquire_timeout: Duration::from_millis(100),
        ..PostgresConfig::new(&url[..])
    };
    let error = bounded(PostgresLog::connect(config)).await.unwrap_err();
    assert!(matches!(error, LogError::Unreachable { .. }), "{error:?}");
    drop(listener);
    let error = refused(&url).await;
    assert!(matches!(error, LogError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn credentials_that_are_refused_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let rules = folder.path().join("hba.conf");
    let text = "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
    fs::write(&rules, text).unwrap();
    let setting = format!("hba_file={}", rules.display());
    let server = Postgres::start_with(&[&setting]).unwrap();
    let url = server.url("postgres");
    execute(
        &mut connect(&url).await,
        "CREATE ROLE guarded LOGIN PASSWORD 'right'",
    )
    .await
    .unwrap();

    let wrong = url.replace("countersign@", "guarded:hunter2@");
    let error = refused(&wrong).await;
    assert!(matches!(error, LogError::Credentials { .. }), "{error:?}");
    let nobody = url.replace("countersign@", "nobody:hunter2@");
    let error = refused(&nobody).await;
    assert!(matches!(error, LogError::Credentials { .. }), "{error:?}");
    let right = url.replace("countersign@", "guarded:right@");
    assert!(matches!(refused(&right).await, LogError::NoSchema { .. }));
    let error = refused(&server.url("nowhere")).await;
    assert!(matches!(error, LogError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere"), "{error}");
}
