//! `/v1/events/stream`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use countersign_domain::account::AccountEvent;
use countersign_domain::session::{SessionEvent, SessionKind};
use countersign_event_store::{SqliteLog, StreamId};
use countersign_read_api::{Everybody, StreamSettings};
use serde_json::json;
use tokio::task::JoinSet;

use crate::fake_log::{FakeLog, HEAD, Mood};
use crate::support::seed::{account_id, key_id, session_id};
use crate::support::{Server, send};

const PATH: &str = "/v1/events/stream";

async fn streaming(settings: StreamSettings) -> Server {
    Server::streaming(settings, Arc::new(Everybody)).await
}

/// One whose streams tell where they are as soon as there is nothing else to tell.
async fn talkative() -> Server {
    let heartbeat = Duration::from_millis(1);
    streaming(StreamSettings {
        heartbeat,
        ..StreamSettings::default()
    })
    .await
}

#[tokio::test]
async fn a_stream_begins_where_it_is_and_goes_on_with_events_as_the_log_has_them() {
    let server = Server::behind().await;
    server.register(1).await;
    server.register(2).await;
    let mut stream = server.listen(PATH, None).await;
    assert_eq!(stream.block().await.as_deref(), Some("retry: 1000"));
    let first = stream.message().await.expect("a message");
    assert_eq!((first.id, first.event.as_str()), (2, "position"));
    assert_eq!(first.data, json!({ "position": 2 }));
    server.register(3).await;
    let event = stream.message().await.expect("a message");
    let answer = server.get("/v1/events?after=2").await;
    assert_eq!((event.id, event.event.as_str()), (3, ""));
    assert_eq!(event.data, answer.body["events"][0]);
}

#[tokio::test]
async fn from_any_position_every_later_event_comes_once() {
    let server = Server::behind().await;
    for number in 1..=9 {
        server.register(number).await;
    }
    for after in 0..=9 {
        let mut by_header = server.listen(PATH, Some(after)).await;
        let mut by_query = server.listen(&format!("{PATH}?after={after}"), None).await;
        let number = u8::try_from(10 + after).expect("small");
        server.register(number).await;
        let head = u64::from(number);
        let expected: Vec<_> = (after + 1..=head).collect();
        assert_eq!(by_header.positions(expected.len()).await, expected);
        assert_eq!(by_query.positions(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was_whatever_the_address_says() {
    let server = Server::behind().await;
    for number in 1..=3 {
        server.register(number).await;
    }
    let mut stream = server.listen(&format!("{PATH}?after=0"), Some(2)).await;
    assert_eq!(stream.positions(1).await, [3]);
}

#[tokio::test]
async fn many_who_come_at_any_time_while_events_are_appended_miss_none() {
    const EVENTS: u8 = 200;
    let server = Arc::new(Server::behind().await);
    let mut clients = JoinSet::new();
    for number in 1..=EVENTS {
        server.register(number).await;
        if number % 5 == 0 {
            let server = server.clone();
            let after = u64::from(number) * 7 % (u64::from(number) + 1);
            clients.spawn(async move {
                let mut stream = server.listen(PATH, Some(after)).await;
                let expected: Vec<_> = (after + 1..=u64::from(EVENTS)).collect();
                assert_eq!(stream.positions(expected.len()).await, expected);
            });
        }
    }
    while let Some(done) = clients.join_next().await {
        done.expect("no event missed");
    }
}

#[tokio::test]
async fn who_is_slow_gets_everything_when_the_newest_events_are_long_forgotten() {
    const EVENTS: u64 = 160;
    let server = Server::behind().await;
    let mut slow = server.listen(PATH, None).await;
    let mut quick = server.listen(PATH, None).await;
    server.register(1).await;
    // Both are where the log is.
    assert_eq!(slow.positions(1).await, [1]);
    assert_eq!(quick.positions(1).await, [1]);
    let stream = StreamId::new("account", account_id(1));
    // More than ten megabytes, of which the server keeps eight.
    for position in 2..=EVENTS {
        let reason = "long ".repeat(16_384);
        server
            .append(&stream, &AccountEvent::AccountLocked { reason })
            .await;
        assert_eq!(quick.positions(1).await, [position]);
    }
    let expected: Vec<_> = (2..=EVENTS).collect();
    assert_eq!(slow.positions(expected.len()).await, expected);
    server.register(2).await;
    assert_eq!(slow.positions(1).await, [EVENTS + 1]);
}

/// Two accounts, each with a key and a session; the second session begins before the
/// first ends.
async fn two_of_each(server: &Server) {
    for number in 1..=2 {
        server.register(number).await; // 1, 2
    }
    for number in 1..=2 {
        server.request_key(number, 1).await; // 3, 4
    }
    for number in 1..=2 {
        server.create_session(number, 2, SessionKind::Sign).await; // 5, 6
    }
    for number in 1..=2 {
        let id = session_id(number, 2);
        server
            .session_event(id, &SessionEvent::SessionExpired {})
            .await; // 7, 8
    }
    server.activate_key(key_id(1, 1)).await; // 9
    server.suspend(2).await; // 10
}

fn filters() -> Vec<(String, Vec<u64>)> {
    let (one, two) = (account_id(1), account_id(2));
    let (key, session) = (key_id(2, 1), session_id(2, 2));
    vec![
        (format!("account={one}"), vec![1, 3, 5, 7, 9]),
        (format!("account={two}"), vec![2, 4, 6, 8, 10]),
        (format!("account={one}&account={two}"), (1..=10).collect()),
        (format!("key={key}"), vec![4, 6, 8]),
        (format!("session={session}"), vec![6, 8]),
        (
            format!("session={session}&session={}", session_id(1, 2)),
            vec![5, 6, 7, 8],
        ),
        ("type=KeyActivated".into(), vec![9]),
        (
            "type=SessionExpired&type=AccountSuspended".into(),
            vec![7, 8, 10],
        ),
        (format!("type=SessionExpired&account={one}"), vec![7]),
        (format!("type=SessionCreated&key={key}"), vec![6]),
    ]
}

#[tokio::test]
async fn filters_take_what_belongs_to_whom_they_name() {
    let live = Server::behind().await;
    let mut listening = vec![];
    for (query, expected) in filters() {
        let stream = live.listen(&format!("{PATH}?{query}"), None).await;
        listening.push((query, expected, stream));
    }
    two_of_each(&live).await;
    for (query, expected, stream) in &mut listening {
        assert_eq!(stream.positions(expected.len()).await, *expected, "{query}");
    }
    for (query, expected) in filters() {
        // From the middle: the events that name the owners are passed.
        for after in [0, 6] {
            let query = format!("{PATH}?{query}&after={after}");
            let expected: Vec<_> = expected.iter().copied().filter(|p| *p > after).collect();
            let mut stream = live.listen(&query, None).await;
            assert_eq!(stream.positions(expected.len()).await, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn the_owner_of_an_old_stream_is_looked_up() {
    let server = talkative().await;
    two_of_each(&server).await;
    // Nobody has seen an event go by that says whose session it is.
    let query = format!("{PATH}?account={}&after=6", account_id(2));
    let mut stream = server.listen(&query, None).await;
    assert_eq!(stream.positions(2).await, [8, 10]);
    let key = StreamId::new("key", key_id(2, 1));
    let frozen = countersign_domain::key::KeyEvent::KeyFrozen {
        intent: "an.intent.jws".into(),
    };
    server.append(&key, &frozen).await;
    assert_eq!(stream.positions(1).await, [11]);
}

#[tokio::test]
async fn a_stream_that_passes_over_events_tells_how_far_it_is() {
    let server = talkative().await;
    let query = format!("{PATH}?account={}", account_id(9));
    let mut stream = server.listen(&query, None).await;
    two_of_each(&server).await;
    let mut told = 0;
    while told < 10 {
        let message = stream.message().await.expect("the stream goes on");
        assert_eq!(message.event, "position");
        assert!(told == 0 || message.id > told, "each position is told once");
        told = message.id;
    }
    assert_eq!(told, 10);
    server.register(9).await;
    assert_eq!(stream.positions(1).await, [11]);
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_says_that_it_lives() {
    let server = talkative().await;
    let mut stream = server.listen(PATH, None).await;
    let blocks = [
        stream.block().await,
        stream.block().await,
        stream.block().await,
    ];
    assert_eq!(blocks[2].as_deref(), Some(":"));
}

#[tokio::test]
async fn one_stream_too_many_is_asked_to_come_again_and_finds_room_when_another_has_gone() {
    let server = streaming(StreamSettings {
        max_clients: 2,
        ..StreamSettings::default()
    })
    .await;
    let first = server.listen(PATH, None).await;
    let _second = server.listen(PATH, None).await;
    let refused = server.get(PATH).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body["code"], "too_many_streams");
    assert_eq!(refused.header("retry-after"), "5");
    drop(first);
    server.listen(PATH, None).await;
}

#[tokio::test]
async fn who_comes_after_all_have_gone_is_followed_for_again() {
    let server = Server::behind().await;
    for number in 1..=3 {
        let mut stream = server.listen(PATH, None).await;
        server.register(number).await;
        assert_eq!(stream.positions(1).await, [u64::from(number)]);
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_says_where_they_were() {
    let settings = StreamSettings::default();
    let stop = settings.stop.clone();
    let server = streaming(settings).await;
    let mut stream = server.listen(PATH, None).await;
    server.register(1).await;
    assert_eq!(stream.positions(1).await, [1]);
    stop.cancel();
    let end = stream.message().await.expect("a last message");
    assert_eq!((end.id, end.event.as_str()), (1, "end"));
    assert_eq!(end.data, json!({ "reason": "shutdown", "position": 1 }));
    assert_eq!(stream.message().await, None);
}

#[tokio::test]
async fn a_log_that_is_closed_ends_the_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SqliteLog::open(folder.path().join("events.db")).await;
    let log = Arc::new(log.expect("a log"));
    let server = Server::over(log.clone(), Duration::ZERO);
    let mut stream = server.listen(PATH, None).await;
    server.register(1).await;
    assert_eq!(stream.positions(1).await, [1]);
    log.close().await.expect("closed");
    let end = stream.message().await.expect("a last message");
    assert_eq!((end.id, end.event.as_str()), (1, "end"));
    assert_eq!(stream.message().await, None);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_ends_the_stream_where_it_was() {
    let server = Server::over(FakeLog::new(Mood::Unreadable), Duration::ZERO);
    let after = HEAD - 2;
    let mut stream = server.listen(&format!("{PATH}?after={after}"), None).await;
    let begin = stream.message().await.expect("a message");
    assert_eq!((begin.id, begin.event.as_str()), (after, "position"));
    let end = stream.message().await.expect("a last message");
    assert_eq!((end.id, end.event.as_str()), (after, "end"));
    assert_eq!(end.data["reason"], "unavailable");
    assert_eq!(stream.message().await, None);
}

#[tokio::test]
async fn bad_requests_are_refused_by_name() {
    let server = Server::behind().await;
    server.register(1).await;
    for (query, code, field) in [
        ("after=x", "invalid_parameter", "after"),
        ("after=2", "position_beyond_head", "after"),
        ("after=0&after=1", "invalid_parameter", "after"),
        ("type=SesionCreated", "invalid_parameter", "type"),
        ("type=", "invalid_parameter", "type"),
        ("account=alice", "invalid_parameter", "account"),
        ("key=", "invalid_parameter", "key"),
        ("session=1", "invalid_parameter", "session"),
        ("limit=3", "unknown_parameter", "limit"),
        ("min_position=0", "unknown_parameter", "min_position"),
    ] {
        let answer = server.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.body["code"], code, "{query}");
        assert_eq!(answer.body["field"], field, "{query}");
    }
    let answer = server.get(&format!("{PATH}?type=SesionCreated")).await;
    let detail = answer.body["detail"].as_str().expect("a text");
    assert!(
        detail.contains("did you mean `SessionCreated`?"),
        "{detail}"
    );
    let account = format!("account={}&", account_id(1)).repeat(101);
    let answer = server.get(&format!("{PATH}?{account}")).await;
    assert_eq!(answer.body["field"], "account");

    for (id, code) in [
        ("x", "invalid_parameter"),
        ("", "invalid_parameter"),
        ("-1", "invalid_parameter"),
        ("99999999999999999999", "invalid_parameter"),
        ("2", "position_beyond_head"),
    ] {
        let request = Request::get(PATH).header("last-event-id", id);
        let request = request.body(Body::empty()).expect("a request");
        let answer = send(server.router.clone(), request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
        assert_eq!(answer.body["code"], code, "{id}");
        assert_eq!(answer.body["field"], "Last-Event-ID", "{id}");
    }
}
