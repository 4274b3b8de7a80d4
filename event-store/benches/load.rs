//! What it takes to load an aggregate: read its stream, decode its events, fold
//! them into the state.

use std::sync::Arc;

use chrono::DateTime;
use countersign_domain::account::{Account, AccountEvent, AccountStatus};
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::decider::{Decider as _, StoredEvent as _};
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_event_store::{
    Append, Decoder, EventLog, ExpectedVersion, Metadata, NewEvent, SqliteLog, StreamAppend,
    StreamId,
};
use divan::Bencher;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

fn main() {
    divan::main();
}

/// An account that was suspended and reactivated until it has so many events.
fn history(events: usize) -> Vec<NewEvent> {
    let signer = AuthSigner::ed25519(&[7; 32].into());
    let intent = "x".repeat(600);
    let registered = AccountEvent::AccountRegistered {
        personal: Personal::Open(PersonalData {
            username: "alice".to_owned(),
            email: "alice@example.com".to_owned(),
            intent: intent.clone(),
        }),
        auth_key: signer.public(),
        quorum: Quorum::new(2, 3).expect("a quorum"),
    };
    let later = (1..events).map(|number| {
        let intent = intent.clone();
        if number % 2 == 1 {
            AccountEvent::AccountSuspended { intent }
        } else {
            AccountEvent::AccountReactivated { intent }
        }
    });
    std::iter::once(registered)
        .chain(later)
        .map(|event| NewEvent {
            event_type: event.name().to_owned(),
            event_version: event.version(),
            payload: serde_json::to_value(&event).expect("events are JSON"),
        })
        .collect()
}

fn log_with(runtime: &Runtime, folder: &TempDir, events: usize) -> (Arc<dyn EventLog>, StreamId) {
    let stream = StreamId::new(Account::TYPE, Uuid::from_u128(1));
    let log = runtime.block_on(async {
        let log = SqliteLog::open(folder.path().join("events.db"))
            .await
            .expect("a log");
        let append = Append {
            command: None,
            metadata: Metadata {
                correlation_id: Uuid::from_u128(2),
                causation_id: None,
                actor: "bench".to_owned(),
                trace_parent: None,
            },
            recorded_at: DateTime::UNIX_EPOCH,
            streams: vec![StreamAppend {
                stream: stream.clone(),
                expected: ExpectedVersion::NoStream,
                events: history(events),
            }],
            reservations: vec![],
            personal: None,
        };
        log.append(append).await.expect("appended");
        log
    });
    (Arc::new(log), stream)
}

#[divan::bench(args = [1, 10, 100, 1000])]
fn account(bencher: Bencher<'_, '_>, events: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (log, stream) = log_with(&runtime, &folder, events);
    let decoder = Decoder::default();
    bencher
        .counter(divan::counter::ItemsCount::new(events))
        .bench(|| {
            let envelopes = runtime
                .block_on(log.read_stream(&stream, 0, events))
                .expect("read");
            let mut account = Account::default();
            for envelope in &envelopes {
                account.evolve(&decoder.event(envelope).expect("decoded"));
            }
            assert_ne!(account.status(), None::<AccountStatus>);
            account
        });
}
