//! Who may see what is decided in one place, for every way out.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use countersign_domain::ids::AccountId;
use countersign_domain::session::{SessionEvent, SessionKind};
use countersign_event_store::{Owner, Recorded};
use countersign_read_api::{StreamSettings, Viewer, Visibility};

use crate::support::Server;
use crate::support::seed::{account_id, session_id};

/// One account is nobody's business.
#[derive(Debug)]
struct Hidden(AccountId);

impl Visibility for Hidden {
    fn viewer(&self, _: &HeaderMap) -> Arc<dyn Viewer> {
        Arc::new(Self(self.0))
    }
}

impl Viewer for Hidden {
    fn sees(&self, _: &Recorded, owner: &Owner) -> bool {
        owner.account != Some(self.0)
    }
}

async fn seeded() -> Server {
    let policy = Arc::new(Hidden(account_id(1)));
    let server = Server::streaming(StreamSettings::default(), policy).await;
    for number in 1..=2 {
        server.register(number).await; // 1, 2
        server.create_session(number, 2, SessionKind::Sign).await; // 3, 4 …
    }
    for number in 1..=2 {
        let id = session_id(number, 2);
        server
            .session_event(id, &SessionEvent::SessionExpired {})
            .await;
    }
    server
}

/// Of the six events, those of the second account.
const SEEN: [u64; 3] = [3, 4, 6];

#[tokio::test]
async fn the_log_is_shown_without_what_is_hidden_and_reading_on_passes_over_it() {
    let server = seeded().await;
    let page = server.get("/v1/events?limit=5").await;
    let events = page.body["events"].as_array().expect("events");
    let positions: Vec<_> = events.iter().map(|e| e["position"].clone()).collect();
    assert_eq!(positions, SEEN[..2]);
    assert_eq!(page.body["next_after"], 5);
    let hidden = server.get("/v1/events?limit=2").await;
    assert_eq!(hidden.body["events"].as_array().map(Vec::len), Some(0));
    assert_eq!(hidden.body["next_after"], 2);
}

#[tokio::test]
async fn streams_pass_over_what_is_hidden_old_or_new_and_whatever_is_asked_for() {
    let server = seeded().await;
    let mut all = server.listen("/v1/events/stream?after=0", None).await;
    assert_eq!(all.positions(3).await, SEEN);
    let both = format!(
        "/v1/events/stream?after=0&account={}&account={}",
        account_id(1),
        account_id(2)
    );
    let mut both = server.listen(&both, None).await;
    assert_eq!(both.positions(3).await, SEEN);
    server.suspend(1).await;
    server.suspend(2).await;
    assert_eq!(all.positions(1).await, [8]);
    assert_eq!(both.positions(1).await, [8]);
}

#[tokio::test]
async fn a_session_that_is_hidden_is_not_there() {
    let server = seeded().await;
    let path = |number| format!("/v1/sessions/{}/events", session_id(number, 2));
    let hidden = server.get(&path(1)).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    assert_eq!(hidden.body["code"], "not_found");
    let hidden = server.get(&format!("{}?after=2", path(1))).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    let timeline = |number| format!("/v1/sessions/{}/timeline", session_id(number, 2));
    let hidden = server.get(&timeline(1)).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&timeline(2)).await.status, StatusCode::OK);
    let seen = server.get(&path(2)).await;
    assert_eq!(seen.body["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(seen.body["next_after"], 2);
}

#[tokio::test]
async fn the_past_of_what_is_hidden_is_not_shown_either() {
    let server = seeded().await;
    for (number, status) in [(1, StatusCode::NOT_FOUND), (2, StatusCode::OK)] {
        let paths = [
            format!("/v1/accounts/{}", account_id(number)),
            format!("/v1/sessions/{}", session_id(number, 2)),
        ];
        for path in paths {
            let answer = server.get(&format!("{path}?as_of=6")).await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
    server.project();
    for list in ["/v1/accounts", "/v1/sessions"] {
        let answer = server.get(&format!("{list}?as_of=6")).await;
        let shown = answer.items().iter().map(|item| &item["account_id"]);
        let shown: Vec<_> = shown.collect();
        assert_eq!(shown, [&account_id(2).to_string()[..]], "{list}");
    }
    let early = server
        .get(&format!("/v1/sessions/{}?as_of=1", session_id(1, 2)))
        .await;
    let detail = early.body["detail"].as_str().unwrap_or_default();
    assert!(!detail.contains("it came to be"), "{detail}");
}
