//! Random appends leave the log as a few maps say they should.

use std::collections::HashMap;

use countersign_event_store::{
    Append, AppendError, CommandRecord, EventLog, ExpectedVersion, Reservation, StreamAppend,
};
use futures::future::join_all;
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use crate::support::{append, folder, open, verify};

#[derive(Debug, Default)]
struct Model {
    head: u64,
    versions: HashMap<String, u64>,
    owners: HashMap<String, String>,
    commands: HashMap<Uuid, (CommandRecord, u64)>,
}

/// What is compared of an outcome.
#[derive(Debug, PartialEq)]
enum Outcome {
    Appended { last: u64, duplicate: bool },
    Conflict { stream: String, actual: u64 },
    Taken,
    Reused,
}

impl Model {
    fn version(&self, stream: &StreamAppend) -> u64 {
        let version = self.versions.get(&stream.stream.aggregate_id);
        version.copied().unwrap_or(0)
    }

    fn append(&mut self, append: &Append) -> Outcome {
        if let Some(command) = append.command
            && let Some((known, last)) = self.commands.get(&command.id)
        {
            return if *known == command {
                Outcome::Appended {
                    last: *last,
                    duplicate: true,
                }
            } else {
                Outcome::Reused
            };
        }
        for stream in &append.streams {
            let actual = self.version(stream);
            let wrong = match stream.expected {
                ExpectedVersion::NoStream => actual > 0,
                ExpectedVersion::Exact(version) => actual != version,
                ExpectedVersion::Any => false,
            };
            if wrong {
                return Outcome::Conflict {
                    stream: stream.stream.to_string(),
                    actual,
                };
            }
        }
        let mut owners = self.owners.clone();
        for wanted in &append.reservations {
            let owner = owners.entry(wanted.value.clone());
            if *owner.or_insert_with(|| wanted.owner.clone()) != wanted.owner {
                return Outcome::Taken;
            }
        }
        self.owners = owners;
        for stream in &append.streams {
            let events = stream.events.len() as u64;
            let version = self.version(stream) + events;
            self.versions
                .insert(stream.stream.aggregate_id.clone(), version);
            self.head += events;
        }
        if let Some(command) = append.command {
            self.commands.insert(command.id, (command, self.head));
        }
        Outcome::Appended {
            last: self.head,
            duplicate: false,
        }
    }
}

fn appends() -> impl Strategy<Value = Append> {
    let expected = prop_oneof![
        2 => Just(ExpectedVersion::Any),
        1 => Just(ExpectedVersion::NoStream),
        3 => (0..6_u64).prop_map(ExpectedVersion::Exact),
    ];
    let stream = (0..3_u8, expected, 0..4_u64);
    let command = option::weighted(0.4, (0..6_u128, 0..2_u8));
    let reservation = (0..3_u8, 0..3_u8);
    (vec(stream, 1..3), command, vec(reservation, 0..3)).prop_map(
        |(streams, command, reservations)| {
            let mut append = append("", "Happened", 0);
            append.streams.clear();
            for (id, expected, events) in streams {
                let mut stream = self::append(&id.to_string(), "Happened", events)
                    .streams
                    .remove(0);
                stream.expected = expected;
                if append.streams.iter().all(|s| s.stream != stream.stream) {
                    append.streams.push(stream);
                }
            }
            append.command = command.map(|(id, fingerprint)| CommandRecord {
                id: Uuid::from_u128(id),
                fingerprint: [fingerprint; 32],
            });
            append.reservations = reservations
                .into_iter()
                .map(|(value, owner)| Reservation {
                    scope: "name".into(),
                    value: value.to_string(),
                    owner: owner.to_string(),
                })
                .collect();
            append
        },
    )
}

fn outcome(result: Result<countersign_event_store::Appended, AppendError>) -> Outcome {
    match result {
        Ok(appended) => Outcome::Appended {
            last: appended.last_position,
            duplicate: appended.duplicate,
        },
        Err(AppendError::Conflict { stream, actual, .. }) => Outcome::Conflict {
            stream: stream.to_string(),
            actual,
        },
        Err(AppendError::Taken { .. }) => Outcome::Taken,
        Err(AppendError::CommandReused { .. }) => Outcome::Reused,
        Err(other) => panic!("{other:?}"),
    }
}

/// Each batch is queued as a whole before the writer runs; between batches the log
/// is sometimes reopened.
async fn compare(batches: Vec<(Vec<Append>, bool)>) {
    let folder = folder();
    let mut log = open(&folder).await;
    let mut model = Model::default();
    for (batch, reopen) in batches {
        let expected: Vec<_> = batch.iter().map(|append| model.append(append)).collect();
        let actual = join_all(batch.into_iter().map(|append| log.append(append))).await;
        let actual: Vec<_> = actual.into_iter().map(outcome).collect();
        assert_eq!(actual, expected);
        if reopen {
            log.close().await.expect("closed");
            log = open(&folder).await;
        }
        assert_eq!(verify(&log).await, model.head);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_log_does_what_the_model_does(
        batches in vec((vec(appends(), 1..12), prop::bool::weighted(0.2)), 1..8)
    ) {
        // On one thread, so that a batch is in the queue before the writer looks.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(compare(batches));
    }
}
