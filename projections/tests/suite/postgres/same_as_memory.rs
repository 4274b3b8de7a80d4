//! The store in PostgreSQL answers as the one in memory does.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::account::AccountStatus;
use countersign_domain::key::KeyStatus;
use countersign_domain::session::{SessionKind, SessionStatus};
use countersign_event_store::Leases as _;
use countersign_event_store::postgres::{PostgresConfig, PostgresLeases, PostgresLog, migrate};
use countersign_projections::postgres::{LEASE, run};
use countersign_projections::{
    AccountFilter, KeyFilter, MemoryStore, PostgresStore, Projector, ReadModels, SessionFilter,
    Store,
};
use countersign_test_servers::database;
use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, everything};
use crate::projector::{PATIENCE, append, history, poison};
use crate::support::account_id;

#[tokio::test]
async fn on_random_histories_the_projectors_make_the_rows_that_memory_has() {
    for round in 0..6 {
        let fixture = Fixture::new().await;
        let leases = Arc::default();
        let world = history(round);
        let projecting = fixture.project(&leases, "one");
        let models = fixture.models().await;
        for (number, envelope) in world.log.iter().enumerate() {
            let position = append(&*fixture.log, envelope).await;
            // Now batches of one event, now of many.
            if number % 11 == 0 {
                models.wait_for(position, PATIENCE).await.expect("in time");
            }
        }
        let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
        assert_eq!(everything(&models).await, everything(&memory).await);
        same_lists(&models, &memory).await;
        projecting.stop().await;
    }
}

#[tokio::test]
async fn the_projector_of_the_embedded_mode_works_over_it_too() {
    let fixture = Fixture::new().await;
    let world = history(2);
    let (poison, held_back) = poison(&world);
    let store: Arc<dyn Store> = fixture.store().await;
    for replica in 0..2 {
        let projector = Projector::new(fixture.log.clone(), store.clone());
        let projector = projector.with_retry(Duration::from_millis(1 + replica));
        tokio::spawn(async move { projector.run().await });
    }
    fixture.append(&world).await;
    for envelope in poison.iter().chain(&held_back) {
        append(&*fixture.log, envelope).await;
    }
    let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
    assert_eq!(everything(&models).await, everything(&memory).await);
    assert_eq!(models.status().await.expect("a status").skipped.count, 4);
}

#[tokio::test]
async fn with_the_log_and_the_leases_in_the_same_database_too() {
    let url = database().await.url;
    migrate(&url.as_str().into()).await.expect("a schema");
    let log = PostgresLog::connect(PostgresConfig::new(url)).await;
    let log = Arc::new(log.expect("a log"));
    let leases = Arc::new(PostgresLeases::new(log.pool().clone()));
    let cancelled = CancellationToken::new();
    let role = |replica: &str| {
        let (pool, cancelled) = (log.pool().clone(), cancelled.clone());
        tokio::spawn(run(
            log.clone(),
            pool,
            leases.clone(),
            replica.into(),
            cancelled,
        ))
    };
    let roles = [role("one"), role("two")];
    let world = history(4);
    let mut head = 0;
    for envelope in &world.log {
        head = append(&*log, envelope).await;
    }
    let memory = Projector::new(log.clone(), Arc::new(MemoryStore::new()));
    let in_memory = memory.read_models();
    let folding = tokio::spawn(async move { memory.run().await });
    in_memory.wait_for(head, PATIENCE).await.expect("in time");
    let store = PostgresStore::connect(log.pool().clone()).await;
    let models = ReadModels::new(Arc::new(store.expect("a store")));
    models.wait_for(head, PATIENCE).await.expect("in time");
    assert_eq!(everything(&models).await, everything(&in_memory).await);
    let holder = leases.holder(LEASE).await.expect("a holder");
    assert!(holder.is_some());
    cancelled.cancel();
    for role in roles {
        role.await.expect("no panic").expect("an end");
    }
    assert_eq!(leases.holder(LEASE).await.expect("an answer"), None);
    folding.abort();
}

/// Every filter, in pages.
async fn same_lists(one: &ReadModels, other: &ReadModels) {
    let mut statuses: Vec<_> = SessionStatus::ALL.into_iter().map(Some).collect();
    statuses.push(None);
    let known = other
        .list_sessions(&SessionFilter::default(), None, 100)
        .await;
    let known = known.expect("sessions").items;
    let accounts = known.iter().map(|row| Some(row.view.account_id)).take(1);
    let keys: Vec<_> = known.iter().map(|row| Some(row.view.key_id)).collect();
    for account in accounts.chain([None]) {
        for key in keys.iter().copied().chain([None]) {
            for status in &statuses {
                for kind in [None, Some(SessionKind::Sign), Some(SessionKind::Keygen)] {
                    let filter = SessionFilter {
                        account,
                        key,
                        status: *status,
                        kind,
                    };
                    same_sessions(one, other, &filter).await;
                }
            }
        }
        for status in KeyStatus::ALL.into_iter().map(Some).chain([None]) {
            let filter = KeyFilter { account, status };
            let listed = one.list_keys(&filter, None, 100).await.expect("keys");
            let expected = other.list_keys(&filter, None, 100).await.expect("keys");
            assert_eq!(listed.items, expected.items, "{filter:?}");
        }
    }
    for account in [None, Some(account_id(1)), Some(account_id(77))] {
        for status in AccountStatus::ALL.into_iter().map(Some).chain([None]) {
            let filter = AccountFilter { account, status };
            let listed = one.list_accounts(&filter, None, 100).await;
            let expected = other.list_accounts(&filter, None, 100).await;
            let (listed, expected) = (listed.expect("a list"), expected.expect("a list"));
            assert_eq!(listed.items, expected.items, "{filter:?}");
        }
    }
}

async fn same_sessions(one: &ReadModels, other: &ReadModels, filter: &SessionFilter) {
    let mut cursor = None;
    loop {
        let listed = one.list_sessions(filter, cursor, 2).await.expect("a page");
        let expected = other.list_sessions(filter, cursor, 2).await;
        let expected = expected.expect("a page");
        assert_eq!(listed.items, expected.items, "{filter:?}");
        assert_eq!(listed.next, expected.next, "{filter:?}");
        for row in &listed.items {
            let id = row.view.session_id;
            assert_eq!(one.session(id).await.expect("a read").as_ref(), Some(row));
        }
        cursor = listed.next;
        if cursor.is_none() {
            return;
        }
    }
}
