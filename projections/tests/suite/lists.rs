//! Lists: filters and pages.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::session::{SessionEvent, SessionKind, SessionStatus};
use countersign_event_store::StreamId;
use countersign_projections::sessions::apply;
use countersign_projections::{
    Batch, Change, MemoryStore, ReadModels, SessionFilter, SessionRow, Store,
};

use crate::support::{account_id, envelope, new_session};

struct Sessions {
    store: Arc<MemoryStore>,
    models: ReadModels,
    position: u64,
}

impl Sessions {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let models = ReadModels::new(store.clone());
        Self {
            store,
            models,
            position: 0,
        }
    }

    async fn take(&mut self, id: SessionId, event: &SessionEvent) {
        let current = self.models.session(id).await.expect("a read");
        let position = self.position + 1;
        let envelope = envelope(position, StreamId::new("session", id), 1, event);
        let mut row = current.map(Arc::unwrap_or_clone);
        apply(&mut row, id, &envelope.recorded(), event);
        let batch = Batch {
            after: self.position,
            changes: row
                .into_iter()
                .map(|r| Change::UpsertSession(Box::new(r)))
                .collect(),
            skipped: vec![],
            checkpoint: position,
        };
        self.store.commit(batch).await.expect("a commit");
        self.position = position;
    }

    async fn create(&mut self, number: u32, kind: SessionKind) -> SessionId {
        let id = SessionId::of(account_id(1), &number.to_string());
        let key = KeyId::of(SessionId::of(account_id(1), &(number % 3).to_string()));
        let session = Box::new(new_session(kind, id, key));
        self.take(id, &SessionEvent::SessionCreated { session })
            .await;
        id
    }

    async fn ids(&self, filter: SessionFilter) -> Vec<SessionId> {
        let page = self.models.list_sessions(&filter, None, 1000).await;
        ids(&page.expect("a page").items)
    }
}

fn ids(rows: &[Arc<SessionRow>]) -> Vec<SessionId> {
    rows.iter().map(|row| row.view.session_id).collect()
}

#[tokio::test]
async fn pages_show_each_old_row_once_while_new_ones_arrive() {
    let mut sessions = Sessions::new();
    let mut old = vec![];
    for number in 0..23 {
        old.push(sessions.create(number, SessionKind::Sign).await);
    }
    let mut seen = vec![];
    let mut cursor = None;
    for number in 100.. {
        let page = sessions
            .models
            .list_sessions(&SessionFilter::default(), cursor, 5)
            .await;
        let page = page.expect("a page");
        assert!(page.items.len() <= 5);
        seen.extend(ids(&page.items));
        let Some(next) = page.next else { break };
        assert_eq!(page.items.len(), 5);
        cursor = Some(next);
        sessions.create(number, SessionKind::Keygen).await;
        // What changes stays in its place.
        sessions
            .take(old[7], &SessionEvent::SessionExpired {})
            .await;
    }
    old.reverse();
    assert_eq!(seen, old);
}

#[tokio::test]
async fn a_page_that_ends_the_list_has_no_cursor() {
    let mut sessions = Sessions::new();
    for number in 0..4 {
        sessions.create(number, SessionKind::Sign).await;
    }
    for (limit, more) in [(3, true), (4, false), (5, false)] {
        let page = sessions
            .models
            .list_sessions(&SessionFilter::default(), None, limit)
            .await;
        assert_eq!(page.expect("a page").next.is_some(), more, "{limit}");
    }
}

#[tokio::test]
async fn filters_pick_the_rows_that_have_all_the_properties() {
    let mut sessions = Sessions::new();
    let mut all = vec![];
    for number in 0..30 {
        let kind = match number % 2 {
            0 => SessionKind::Sign,
            _ => SessionKind::Keygen,
        };
        all.push(sessions.create(number, kind).await);
    }
    for id in all.iter().step_by(5) {
        sessions.take(*id, &SessionEvent::SessionExpired {}).await;
    }
    let key = KeyId::of(SessionId::of(account_id(1), "1"));
    let expect = |pick: fn(usize) -> bool| {
        let numbers = (0..30).rev().filter(|n| pick(*n));
        numbers.map(|n| all[n]).collect::<Vec<_>>()
    };
    let none = SessionFilter::default;
    let sign = Some(SessionKind::Sign);
    let expired = Some(SessionStatus::Expired);
    let filtered = SessionFilter {
        kind: sign,
        ..none()
    };
    assert_eq!(sessions.ids(filtered).await, expect(|n| n % 2 == 0));
    let filtered = SessionFilter {
        status: expired,
        ..none()
    };
    assert_eq!(sessions.ids(filtered).await, expect(|n| n % 5 == 0));
    let filtered = SessionFilter {
        status: Some(SessionStatus::Created),
        ..none()
    };
    assert_eq!(sessions.ids(filtered).await, expect(|n| n % 5 != 0));
    let filtered = SessionFilter {
        key: Some(key),
        ..none()
    };
    assert_eq!(sessions.ids(filtered).await, expect(|n| n % 3 == 1));
    let account = Some(account_id(1));
    let filtered = SessionFilter {
        account,
        key: Some(key),
        status: expired,
        kind: sign,
    };
    let both = expect(|n| n % 3 == 1 && n % 5 == 0 && n % 2 == 0);
    assert!(!both.is_empty());
    assert_eq!(sessions.ids(filtered).await, both);
    let account = Some(account_id(2));
    let filtered = SessionFilter { account, ..none() };
    assert_eq!(sessions.ids(filtered).await, []);
}

#[tokio::test]
async fn many_rows_have_one_copy_of_a_party_name() {
    let mut sessions = Sessions::new();
    for number in 0..50 {
        sessions.create(number, SessionKind::Sign).await;
    }
    let page = sessions
        .models
        .list_sessions(&SessionFilter::default(), None, 100)
        .await;
    let page = page.expect("a page");
    let names = page.items.iter().flat_map(|row| {
        let participants = row.view.participants.iter().map(|p| &p.party);
        row.view.signers.iter().chain(participants)
    });
    let copies: HashSet<_> = names.map(|name| name.as_ptr()).collect();
    assert_eq!(copies.len(), 3);
}
