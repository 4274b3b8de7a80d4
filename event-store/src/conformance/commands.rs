//! De-duplication of commands.

use futures::future::join_all;
use uuid::Uuid;

use super::{Log, add, all, append, stream, to};
use crate::{
    Append, AppendError, CommandEntry, CommandRecord,
    ExpectedVersion::{Exact, NoStream},
    Reservation,
};

fn record(id: u128, fingerprint: u8) -> CommandRecord {
    CommandRecord {
        id: Uuid::from_u128(id),
        fingerprint: [fingerprint; 32],
    }
}

fn command(record: CommandRecord, append: Append) -> Append {
    Append {
        command: Some(record),
        ..append
    }
}

/// A repeat answers as the first did, though its versions and reservations would
/// now be refused.
pub async fn a_repeated_command_answers_with_what_it_did(log: Log) {
    add(&log, "before", 2).await;
    let mut create = command(record(7, 1), append([to(stream("a"), NoStream, 3)]));
    create.reservations.push(Reservation {
        scope: "account.email".into(),
        value: "a@example.org".into(),
        owner: "a".into(),
    });
    let first = log.append(create.clone()).await.unwrap();
    assert!(!first.duplicate);
    add(&log, "after", 2).await;
    create.reservations[0].owner = "b".into();
    let again = log.append(create).await.unwrap();
    assert!(again.duplicate);
    assert_eq!((again.last_position, &again.events), (5, &first.events));
    let entry = CommandEntry {
        record: record(7, 1),
        first_position: 3,
        last_position: 5,
    };
    let id = Uuid::from_u128(7);
    assert_eq!(log.find_command(id).await.unwrap(), Some(entry));
    assert_eq!(log.find_command(Uuid::nil()).await.unwrap(), None);
    assert_eq!(all(&log).await.len(), 7);
}

/// Another command under the same id is refused, before anything else is looked at.
pub async fn a_command_id_serves_one_command(log: Log) {
    let create = append([to(stream("a"), NoStream, 1)]);
    let first = command(record(7, 1), create.clone());
    log.append(first).await.unwrap();
    let refused = log.append(command(record(7, 2), create)).await;
    match refused {
        Err(AppendError::CommandReused { id }) => assert_eq!(id, Uuid::from_u128(7)),
        other => panic!("{other:?}"),
    }
    assert_eq!(all(&log).await.len(), 1);
}

/// A command that was refused may be sent again under its id.
pub async fn a_refused_append_leaves_its_command_free(log: Log) {
    add(&log, "a", 1).await;
    let at = |version| command(record(7, 1), append([to(stream("a"), version, 1)]));
    let refused = log.append(at(NoStream)).await;
    assert!(matches!(refused, Err(AppendError::Conflict { .. })));
    let id = Uuid::from_u128(7);
    assert_eq!(log.find_command(id).await.unwrap(), None);
    assert!(!log.append(at(Exact(1))).await.unwrap().duplicate);
}

/// A command that changes nothing is a command all the same.
pub async fn a_command_without_events_is_remembered(log: Log) {
    add(&log, "a", 4).await;
    let nothing = command(record(7, 1), append([to(stream("a"), Exact(4), 0)]));
    let first = log.append(nothing.clone()).await.unwrap();
    add(&log, "a", 4).await;
    let again = log.append(nothing).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!((first.last_position, first.events.len()), (4, 0));
    assert_eq!((again.last_position, again.events.len()), (4, 0));
    let entry = log.find_command(Uuid::from_u128(7)).await.unwrap().unwrap();
    assert_eq!((entry.first_position, entry.last_position), (5, 4));
}

/// However many send a command at once, it happens once and all hear the same.
pub async fn identical_concurrent_commands_append_once(log: Log) {
    for id in 0..8 {
        let racing = (0..16).map(|_| {
            let log = log.clone();
            let append = append([to(stream(id), NoStream, 2)]);
            let append = command(record(id, 1), append);
            tokio::spawn(async move { log.append(append).await })
        });
        let mut outcomes = Vec::new();
        for outcome in join_all(racing).await {
            outcomes.push(outcome.unwrap().unwrap());
        }
        let first = outcomes.iter().filter(|appended| !appended.duplicate);
        assert_eq!(first.count(), 1);
        for outcome in &outcomes {
            assert_eq!(outcome.events, outcomes[0].events);
            assert_eq!(outcome.last_position, outcomes[0].last_position);
        }
    }
    assert_eq!(all(&log).await.len(), 16);
}
