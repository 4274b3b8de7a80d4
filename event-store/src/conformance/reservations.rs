//! Values that are unique in a scope.

use futures::future::join_all;

use super::{Log, add, all, append, stream, to};
use crate::{
    Append, AppendError,
    ExpectedVersion::{Any, NoStream},
    Reservation,
};

fn reserve(owner: &str, values: &[(&str, &str)]) -> Append {
    let mut append = append([to(stream(owner), Any, 1)]);
    append.reservations = values
        .iter()
        .map(|(scope, value)| Reservation {
            scope: (*scope).into(),
            value: (*value).into(),
            owner: owner.into(),
        })
        .collect();
    append
}

fn is_taken(outcome: Result<crate::Appended, AppendError>, expected: &str) -> bool {
    matches!(outcome, Err(AppendError::Taken { scope }) if scope == expected)
}

/// The first owner keeps the value, and may claim it again.
pub async fn reservations_belong_to_their_owner(log: Log) {
    let alice = [("email", "a@example.org"), ("name", "alice")];
    log.append(reserve("alice", &alice)).await.unwrap();
    log.append(reserve("alice", &alice)).await.unwrap();
    let refused = log.append(reserve("bob", &[("name", "alice")])).await;
    assert!(is_taken(refused, "name"));
    // Another scope, and a value that differs, are free.
    let bob = [("nickname", "alice"), ("name", "Alice")];
    log.append(reserve("bob", &bob)).await.unwrap();
    assert_eq!(all(&log).await.len(), 3);
}

/// Whatever refuses an append, its values stay free for others.
pub async fn a_refused_append_reserves_nothing(log: Log) {
    add(&log, "bob", 1).await;
    log.append(reserve("alice", &[("name", "alice")]))
        .await
        .unwrap();
    let bob = reserve("bob", &[("name", "bob"), ("name", "alice")]);
    assert!(is_taken(log.append(bob).await, "name"));
    let mut conflict = reserve("bob", &[("name", "bob"), ("name", "alice")]);
    conflict.streams[0].expected = NoStream;
    // The version is looked at first.
    let refused = log.append(conflict).await;
    assert!(matches!(refused, Err(AppendError::Conflict { .. })));
    let mut two_owners = reserve("bob", &[("name", "bob"), ("name", "bob")]);
    two_owners.reservations[1].owner = "carol".into();
    assert!(is_taken(log.append(two_owners).await, "name"));
    log.append(reserve("carol", &[("name", "bob")]))
        .await
        .unwrap();
    assert_eq!(all(&log).await.len(), 3);
}

/// Of concurrent claims to a value, one happens.
pub async fn one_of_many_concurrent_reservations_wins(log: Log) {
    for round in 0..4 {
        let value = format!("name{round}");
        let racing = (0..32).map(|owner| {
            let log = log.clone();
            let owner = format!("{round}-{owner}");
            let append = reserve(&owner, &[("name", &value)]);
            tokio::spawn(async move { log.append(append).await })
        });
        let mut won = 0;
        for outcome in join_all(racing).await {
            let outcome = outcome.unwrap();
            if outcome.is_ok() {
                won += 1;
            } else {
                assert!(is_taken(outcome, "name"));
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(all(&log).await.len(), 4);
}
