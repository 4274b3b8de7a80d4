//! Keys of personal data, beside the log.

use std::sync::Arc;

use countersign_domain::ids::AccountId;
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::append;
use crate::{
    Append, AppendError, CommandRecord, EventLog,
    ExpectedVersion::{Any, Exact, NoStream},
    HashKey, LogError, NewEvent, PersonalChange, PersonalKey, PersonalKeys, Reservation,
    StreamAppend, StreamId,
    personal::USERNAME,
};

/// A log with the keys beside it.
pub trait Keeping: EventLog + PersonalKeys {}

impl<L: EventLog + PersonalKeys> Keeping for L {}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn key(byte: u8) -> PersonalKey {
    PersonalKey::new(Zeroizing::new([byte; 32]))
}

fn hash_key(byte: u8) -> HashKey {
    HashKey::new(Zeroizing::new([byte; 32]))
}

/// A registration, with the name that it reserves.
pub fn registration(number: u128, key: PersonalKey, name: &str) -> Append {
    let mut append = append([StreamAppend {
        stream: StreamId::new("account", account(number)),
        expected: NoStream,
        events: vec![NewEvent {
            event_type: "AccountRegistered".into(),
            event_version: 2,
            payload: json!({ "type": "AccountRegistered", "personal": { "sealed": "AAAA" } }),
        }],
    }]);
    append.reservations = vec![hash_key(1).reservation(USERNAME, name, account(number))];
    append.personal = Some(PersonalChange::Keep {
        account: account(number),
        key,
    });
    append
}

/// An erasure of what was registered.
pub fn erasure(number: u128) -> Append {
    let mut append = append([StreamAppend {
        stream: StreamId::new("account", account(number)),
        expected: Exact(1),
        events: vec![NewEvent {
            event_type: "AccountErased".into(),
            event_version: 1,
            payload: json!({ "type": "AccountErased", "intent": "a.b.c" }),
        }],
    }]);
    append.personal = Some(PersonalChange::Erase {
        account: account(number),
    });
    append
}

async fn kept(log: &impl PersonalKeys, number: u128) -> Option<PersonalKey> {
    let keys = log.personal_keys(&[account(number), account(99)]).await;
    keys.unwrap().remove(&account(number))
}

async fn holder(log: &impl PersonalKeys, name: &str) -> Option<String> {
    let value = hash_key(1).value(USERNAME, name);
    log.holder(USERNAME, &value).await.unwrap()
}

/// A key comes with its registration, whichever of several wins, and goes with the
/// erasure, which frees the names.
pub async fn keys_come_and_go_with_their_events<L: Keeping>(log: Arc<L>) {
    let mut first = registration(1, key(1), "alice");
    first.command = Some(CommandRecord {
        id: Uuid::from_u128(5),
        fingerprint: [1; 32],
    });
    log.append(first.clone()).await.unwrap();
    assert_eq!(kept(&*log, 1).await, Some(key(1)));
    assert_eq!(holder(&*log, "ALICE").await, Some(account(1).to_string()));
    // A repeat brings another key along.
    first.personal = Some(PersonalChange::Keep {
        account: account(1),
        key: key(2),
    });
    assert!(log.append(first).await.unwrap().duplicate);
    let again = log.append(registration(1, key(3), "alice")).await;
    assert!(matches!(again, Err(AppendError::Conflict { .. })));
    let taken = log.append(registration(2, key(2), "Alice")).await;
    assert!(matches!(taken, Err(AppendError::Taken { scope }) if scope == USERNAME));
    assert_eq!(kept(&*log, 1).await, Some(key(1)));
    assert_eq!(kept(&*log, 2).await, None);

    log.append(erasure(1)).await.unwrap();
    assert_eq!(kept(&*log, 1).await, None);
    assert_eq!(holder(&*log, "alice").await, None);
    log.append(registration(2, key(2), "alice")).await.unwrap();
    assert_eq!(kept(&*log, 2).await, Some(key(2)));
}

/// No registration without a key, no key without one; and so for erasures.
pub async fn keys_and_events_are_not_without_each_other<L: Keeping>(log: Arc<L>) {
    let without = |mut append: Append| {
        append.personal = None;
        append
    };
    let mut of_another = registration(1, key(1), "alice");
    of_another.personal = Some(PersonalChange::Keep {
        account: account(2),
        key: key(1),
    });
    let mut of_nothing = append([super::to(super::stream("a"), Any, 1)]);
    of_nothing.personal = Some(PersonalChange::Erase {
        account: account(1),
    });
    let mut reversed = registration(1, key(1), "alice");
    reversed.personal = Some(PersonalChange::Erase {
        account: account(1),
    });
    for wrong in [
        without(registration(1, key(1), "alice")),
        without(erasure(1)),
        of_another,
        of_nothing,
        reversed,
    ] {
        let refused = log.append(wrong).await;
        assert!(matches!(refused, Err(AppendError::Invalid(_))));
    }
    assert_eq!(log.head().await.unwrap(), 0);
    assert_eq!(kept(&*log, 1).await, None);
}

/// Of many at once, the key is of the one that was appended.
pub async fn one_of_many_registrations_keeps_its_key<L: Keeping + 'static>(log: Arc<L>) {
    let racing = (1..=16).map(|byte| {
        let log = log.clone();
        tokio::spawn(async move {
            let registered = log.append(registration(1, key(byte), "alice")).await;
            registered.is_ok().then(|| key(byte))
        })
    });
    let outcomes = futures::future::join_all(racing).await;
    let won: Vec<_> = outcomes.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(kept(&*log, 1).await.as_ref(), won.first());
}

/// The first hash key stays the one, and what was reserved in clear is reserved anew.
pub async fn names_are_reserved_under_one_key<L: Keeping>(log: Arc<L>) {
    log.check(&hash_key(1)).await.unwrap();
    let mut before = append([super::to(super::stream("a"), Any, 1)]);
    before.reservations.push(Reservation {
        scope: "username".into(),
        value: "alice".into(),
        owner: account(7).to_string(),
    });
    log.append(before).await.unwrap();
    log.adopt(&hash_key(1)).await.unwrap();
    log.adopt(&hash_key(1)).await.unwrap();
    log.check(&hash_key(1)).await.unwrap();
    assert_eq!(log.holder("username", "alice").await.unwrap(), None);
    assert_eq!(holder(&*log, "alice").await, Some(account(7).to_string()));
    for refused in [log.adopt(&hash_key(2)).await, log.check(&hash_key(2)).await] {
        assert!(matches!(refused, Err(LogError::OtherHashKey { .. })));
    }
    let taken = log.append(registration(2, key(2), "alice")).await;
    assert!(matches!(taken, Err(AppendError::Taken { .. })));
}
