//! Lists as of a position: what a list showed whose read models stopped there.

use std::fmt::Debug;
use std::sync::Arc;

use countersign_domain::account::AccountStatus;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::key::KeyStatus;
use countersign_domain::session::{SessionEvent, SessionKind, SessionStatus};
use countersign_event_store::{Decoder, ReadLog, StreamId};
use countersign_projections::history::{History, models_at};
use countersign_projections::{
    AccountFilter, Cursor, KeyFilter, Page, ReadModels, SessionFilter, StoreError,
};

use crate::history::{log_of, worlds};
use crate::support::{account_id, envelope, new_session};

/// More than there are rows.
const ALL: usize = 1000;

async fn models(log: &dyn ReadLog, position: u64) -> ReadModels {
    let store = models_at(log, &Decoder::default(), position, |_| true).await;
    ReadModels::new(store.expect("read models"))
}

/// All pages of a list, and how many they are; none is longer than `limit`.
async fn whole<R: Clone>(
    limit: usize,
    mut next: impl AsyncFnMut(Option<Cursor>) -> Result<Page<R>, StoreError>,
) -> (Vec<R>, usize) {
    let (mut rows, mut cursor, mut pages) = (vec![], None, 0);
    loop {
        let page = next(cursor).await.expect("a page");
        assert!(page.items.len() <= limit);
        rows.extend(page.items.iter().map(|row| R::clone(row)));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            return (rows, pages);
        }
    }
}

fn assert_same<R: PartialEq + Debug + Clone>(past: &[R], then: Page<R>, what: impl Debug) {
    let then: Vec<R> = then.items.into_iter().map(Arc::unwrap_or_clone).collect();
    assert_eq!(past, then, "{what:?}");
}

#[tokio::test]
async fn a_list_of_the_past_is_what_the_list_was_then() {
    for world in worlds(3, 60) {
        let (log, _, _folder) = log_of(&world.log).await;
        let history = History::new(log.clone());
        let now = models(&*log, world.log.len() as u64).await;
        let account = world.accounts.keys().next().copied();
        for at in 0..=world.log.len() as u64 {
            let limit = [1, 3, ALL][at as usize % 3];
            let then = models(&*log, at).await;
            for status in [None].into_iter().chain(AccountStatus::ALL.map(Some)) {
                let filter = AccountFilter {
                    account: account.filter(|_| at % 2 == 0),
                    status,
                };
                let (past, _) = whole(limit, async |cursor| {
                    now.list_accounts_at(&history, at, &filter, cursor, limit)
                        .await
                })
                .await;
                let shown = then.list_accounts(&filter, None, ALL).await;
                assert_same(&past, shown.expect("a list"), (at, &filter));
            }
            for status in [None].into_iter().chain(KeyStatus::ALL.map(Some)) {
                let filter = KeyFilter {
                    account: account.filter(|_| at % 2 == 1),
                    status,
                };
                let (past, _) = whole(limit, async |cursor| {
                    now.list_keys_at(&history, at, &filter, cursor, limit).await
                })
                .await;
                let shown = then.list_keys(&filter, None, ALL).await;
                assert_same(&past, shown.expect("a list"), (at, &filter));
            }
            for status in [None].into_iter().chain(SessionStatus::ALL.map(Some)) {
                let filter = SessionFilter {
                    account: account.filter(|_| at % 5 == 1),
                    key: world.keys.keys().next().copied().filter(|_| at % 5 == 2),
                    kind: Some(SessionKind::Sign).filter(|_| at % 5 == 3),
                    status,
                };
                let (past, _) = whole(limit, async |cursor| {
                    now.list_sessions_at(&history, at, &filter, cursor, limit)
                        .await
                })
                .await;
                let shown = then.list_sessions(&filter, None, ALL).await;
                assert_same(&past, shown.expect("a list"), (at, &filter));
            }
        }
    }
}

#[tokio::test]
async fn what_a_filter_finds_seldom_is_found_page_by_page() {
    const SESSIONS: u64 = 600;
    let session = |number: u64| SessionId::of(account_id(1), &number.to_string());
    let stream = |number| StreamId::new("session", session(number));
    let mut log = vec![];
    for number in 1..=SESSIONS {
        let id = session(number);
        let asked = Box::new(new_session(SessionKind::Sign, id, KeyId::of(id)));
        let event = SessionEvent::SessionCreated { session: asked };
        log.push(envelope(number, stream(number), 1, &event));
    }
    let expired = SessionEvent::SessionExpired {};
    for (position, number) in [(SESSIONS + 1, 1), (SESSIONS + 2, 300)] {
        log.push(envelope(position, stream(number), 2, &expired));
    }
    let (log, _, _folder) = log_of(&log).await;
    let history = History::new(log.clone());
    let now = models(&*log, SESSIONS + 2).await;
    let filter = SessionFilter {
        status: Some(SessionStatus::Expired),
        ..SessionFilter::default()
    };
    for (at, found) in [
        (SESSIONS, vec![]),
        (SESSIONS + 1, vec![session(1)]),
        (SESSIONS + 2, vec![session(300), session(1)]),
    ] {
        let (past, pages) = whole(5, async |cursor| {
            now.list_sessions_at(&history, at, &filter, cursor, 5).await
        })
        .await;
        let past: Vec<_> = past.iter().map(|row| row.view.session_id).collect();
        assert_eq!(past, found, "{at}");
        // No page looks at all of them.
        assert_eq!(pages, 2, "{at}");
    }
}
