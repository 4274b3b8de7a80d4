//! Leases end by the database's clock, and checkpoints never go back.

use std::time::Duration;

use countersign_event_store::{Checkpoints, Leases, PostgresCheckpoints, PostgresLeases};

use crate::support::{bounded, connect, database, execute, open};

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn one_holder_at_a_time_has_a_lease() {
    let url = database().await.url;
    let leases = PostgresLeases::new(open(&url).await.pool().clone());
    assert_eq!(leases.holder("relay").await.unwrap(), None);
    assert!(leases.acquire("relay", "a", LONG).await.unwrap());
    assert!(!leases.acquire("relay", "b", LONG).await.unwrap());
    assert!(leases.acquire("relay", "a", LONG).await.unwrap());
    assert!(leases.acquire("other", "b", LONG).await.unwrap());
    assert_eq!(leases.holder("relay").await.unwrap().as_deref(), Some("a"));
    leases.release("relay", "b").await.unwrap();
    assert!(!leases.acquire("relay", "b", LONG).await.unwrap());
    leases.release("relay", "a").await.unwrap();
    assert!(leases.acquire("relay", "b", LONG).await.unwrap());
    assert_eq!(leases.holder("relay").await.unwrap().as_deref(), Some("b"));
}

#[tokio::test]
async fn a_lease_ends_by_the_clock_of_the_database() {
    let url = database().await.url;
    let leases = PostgresLeases::new(open(&url).await.pool().clone());
    assert!(leases.acquire("relay", "a", LONG).await.unwrap());
    // An hour passes for the database.
    let pass = "UPDATE leases SET expires_at = expires_at - interval '1 hour'";
    execute(&mut connect(&url).await, pass).await.unwrap();
    assert_eq!(leases.holder("relay").await.unwrap(), None);
    assert!(leases.acquire("relay", "b", LONG).await.unwrap());
    assert!(!leases.acquire("relay", "a", LONG).await.unwrap());
    // And by itself.
    let short = Duration::from_millis(50);
    assert!(leases.acquire("brief", "a", short).await.unwrap());
    bounded(async {
        while !leases.acquire("brief", "b", LONG).await.unwrap() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_never_goes_back() {
    let url = database().await.url;
    let checkpoints = PostgresCheckpoints::new(open(&url).await.pool().clone());
    assert_eq!(checkpoints.load("a").await.unwrap(), 0);
    for (saved, kept) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        checkpoints.save("a", saved).await.unwrap();
        assert_eq!(checkpoints.load("a").await.unwrap(), kept);
    }
    assert_eq!(checkpoints.load("b").await.unwrap(), 0);
}
