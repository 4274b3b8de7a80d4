//! Two replicas over PostgreSQL, which is stopped and started under them.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_event_store::EventLog;
use countersign_event_store::postgres::{
    PostgresCheckpoints, PostgresConfig, PostgresLeases, PostgresLog, migrate,
};
use countersign_test_servers::Postgres;

use crate::support::{Manner, Replica, World, path_of, sign, soon};

/// A log of a process of its own.
async fn connected(url: &str) -> Arc<PostgresLog> {
    let mut config = PostgresConfig::new(url.to_owned());
    config.acquire_timeout = Duration::from_secs(2);
    Arc::new(PostgresLog::connect(config).await.expect("a log"))
}

/// A replica that shares nothing with others but the servers.
async fn replica(world: &mut World, log: &Arc<PostgresLog>) -> Replica {
    let pool = log.pool();
    world.checkpoints = Arc::new(PostgresCheckpoints::new(pool.clone()));
    world.leases = Arc::new(PostgresLeases::new(pool.clone()));
    world.replica_over(log.clone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_live_through_a_restart_of_postgres() {
    let mut server = Postgres::start().expect("a server");
    let url = server.url("postgres");
    let secret = url.clone().into();
    soon(migrate(&secret)).await.expect("a schema");
    let mut world = World::new(3).await;
    let (one, two) = (connected(&url).await, connected(&url).await);
    let first = replica(&mut world, &one).await;
    let second = replica(&mut world, &two).await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 3), &first).await;
    // Taken by one, and waited for at the other, which sees it in the log.
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("m", sign(key, "m"));
    first.post(&path, &token).await.has_status(202);
    second.wait(&path, &token).await.has_status(200);

    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let open = alice.intent("open", sign(key, "open"));
    first.post(&path, &open).await.has_status(202);
    server.stop(true);
    for replica in [&first, &second] {
        let unready = replica.readyz().await;
        unready.is_problem(503, "unavailable", None);
        let late = alice.intent("late", sign(key, "late"));
        let refused = replica.post(&path, &late).await;
        refused.is_problem(503, "unavailable", None);
        assert_eq!(refused.header("retry-after"), "1");
    }
    server.resume().expect("it starts again");
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));

    // Both are of use again, and what was open is finished.
    for replica in [&first, &second] {
        soon(async { while replica.readyz().await.status != 200 {} }).await;
        replica.wait(&path, &open).await.has_status(200);
        let late = alice.intent("late", sign(key, "late"));
        replica.wait(&path, &late).await.has_status(200);
    }
    let events = one.read_all(0, 10_000).await.expect("the events");
    for jti in ["m", "open", "late"] {
        let session = SessionId::of(alice.account, jti).to_string();
        let own = events.iter().filter(|e| e.stream.aggregate_id == session);
        let names: Vec<_> = own.map(|e| e.event_type.as_str()).collect();
        for once in ["SessionCreated", "SessionCompleted"] {
            let count = names.iter().filter(|name| **name == once).count();
            assert_eq!(count, 1, "{jti}: {names:?}");
        }
    }
    first.stop().await;
    second.stop().await;
}
