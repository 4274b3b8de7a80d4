//! What every store of subscriptions does.

use countersign_domain::Timestamp;
use countersign_event_store::EventFilter;
use uuid::Uuid;

use super::{Letter, WebhookStore};
use crate::seal::SealKey;
use crate::secret::Secret;
use crate::subscription::{DeadLetter, State, Subscription};

/// A subscription to try with.
///
/// # Panics
///
/// Without entropy.
#[must_use]
pub fn subscription(number: u128) -> Subscription {
    let id = Uuid::from_u128(number);
    let key = SealKey::from_text(&"5e".repeat(32)).expect("a key");
    let secret = Secret::generate().expect("entropy");
    let seconds = i64::try_from(number).expect("small");
    Subscription {
        id,
        url: format!("https://example.com/{number}"),
        filter: EventFilter {
            types: vec!["KeyActivated".to_owned()],
            ..EventFilter::default()
        },
        secret: key.seal(id, &secret).expect("sealed"),
        previous: None,
        state: State::Active,
        reason: None,
        cursor: 7,
        replay_until: 0,
        pending: None,
        last_error: None,
        last_success_at: None,
        dead_letters_in_a_row: 0,
        created_at: Timestamp::from_timestamp(1_700_000_000 + seconds, 0).expect("a time"),
        generation: 1,
        revision: 1,
    }
}

/// A dead letter to try with.
#[must_use]
pub fn letter(position: u64, error: &str) -> DeadLetter {
    DeadLetter {
        position,
        event_type: "KeyActivated".to_owned(),
        attempts: 3,
        error: error.to_owned(),
        at: Timestamp::default(),
    }
}

/// Runs the whole suite on a store that is empty.
///
/// # Panics
///
/// When the store does anything else.
pub async fn run(store: &dyn WebhookStore) {
    what_is_put_in_comes_out(store).await;
    there_are_never_more_than_the_most(store).await;
    a_change_from_an_old_revision_does_not_happen(store).await;
    dead_letters_go_with_changes_and_with_their_subscription(store).await;
}

async fn what_is_put_in_comes_out(store: &dyn WebhookStore) {
    let (second, first) = (subscription(2), subscription(1));
    assert!(store.insert(&second, 9).await.expect("inserted"));
    assert!(store.insert(&first, 9).await.expect("inserted"));
    let all = store.list().await.expect("listed");
    assert_eq!(all, [first.clone(), second.clone()], "the oldest first");
    assert_eq!(
        store.get(first.id).await.expect("read"),
        Some(first.clone())
    );
    assert_eq!(store.get(Uuid::from_u128(9)).await.expect("read"), None);
    let again = Subscription {
        url: "https://example.com/other".to_owned(),
        ..first.clone()
    };
    assert!(
        !store.insert(&again, 9).await.expect("asked"),
        "it is there"
    );
    assert_eq!(
        store.get(first.id).await.expect("read"),
        Some(first.clone())
    );
    assert!(store.remove(first.id).await.expect("removed"));
    assert!(!store.remove(first.id).await.expect("looked"));
    assert!(store.remove(second.id).await.expect("removed"));
}

async fn there_are_never_more_than_the_most(store: &dyn WebhookStore) {
    let all: Vec<_> = (1..=4).map(subscription).collect();
    let mut added = 0;
    for it in &all {
        added += usize::from(store.insert(it, 2).await.expect("asked"));
    }
    assert_eq!(added, 2);
    for it in &all {
        store.remove(it.id).await.expect("removed");
    }
}

async fn a_change_from_an_old_revision_does_not_happen(store: &dyn WebhookStore) {
    let read = subscription(1);
    store.insert(&read, 9).await.expect("inserted");
    let mut changed = read.clone();
    changed.cursor = 8;
    assert!(store.replace(&changed, &Letter::Keep).await.expect("asked"));
    let mut late = read.clone();
    late.cursor = 5;
    let put = Letter::Put(letter(5, "late"));
    assert!(!store.replace(&late, &put).await.expect("asked"));
    assert!(!store.replace(&late, &Letter::Keep).await.expect("asked"));
    let now = store.get(read.id).await.expect("read").expect("there");
    assert_eq!((now.cursor, now.revision), (8, 2));
    assert_eq!(store.dead_letters(read.id, 0, 9).await.expect("read"), []);
    store.remove(read.id).await.expect("removed");
    assert!(!store.replace(&now, &Letter::Keep).await.expect("asked"));
}

async fn dead_letters_go_with_changes_and_with_their_subscription(store: &dyn WebhookStore) {
    let mut it = subscription(1);
    store.insert(&it, 9).await.expect("inserted");
    for letter in [letter(9, "a"), letter(5, "b"), letter(9, "c")] {
        let put = Letter::Put(letter);
        assert!(store.replace(&it, &put).await.expect("asked"));
        it.revision += 1;
    }
    let all = store.dead_letters(it.id, 0, 9).await.expect("read");
    assert_eq!(all, [letter(5, "b"), letter(9, "c")]);
    let page = store.dead_letters(it.id, 5, 9).await.expect("read");
    assert_eq!(page, [letter(9, "c")]);
    let page = store.dead_letters(it.id, 0, 1).await.expect("read");
    assert_eq!(page, [letter(5, "b")]);
    assert_eq!(
        store.count_dead_letters().await.expect("counted"),
        [(it.id, 2)]
    );
    assert!(store.replace(&it, &Letter::Take(5)).await.expect("asked"));
    let all = store.dead_letters(it.id, 0, 9).await.expect("read");
    assert_eq!(all, [letter(9, "c")]);
    store.remove(it.id).await.expect("removed");
    assert_eq!(store.count_dead_letters().await.expect("counted"), []);
}
