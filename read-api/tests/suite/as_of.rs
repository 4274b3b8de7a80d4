//! `as_of`: what was.

use axum::http::StatusCode;
use countersign_domain::key::KeyEvent;
use countersign_domain::session::{SessionEvent, SessionKind};
use countersign_event_store::StreamId;
use serde_json::Value;

use crate::support::Server;
use crate::support::seed::{account_id, key_id, session_id};

/// A server whose log has these paths, and after each event what they showed.
async fn seeded() -> (Server, Vec<String>, Vec<Vec<Option<Value>>>) {
    let server = Server::start().await;
    let (key, session) = (key_id(1, 1), session_id(1, 1));
    let paths = vec![
        format!("/v1/accounts/{}", account_id(1)),
        format!("/v1/keys/{key}"),
        format!("/v1/sessions/{session}"),
    ];
    let mut shown = vec![vec![None; paths.len()]];
    for step in 0..7 {
        let frozen = |intent: &str| KeyEvent::KeyFrozen {
            intent: intent.into(),
        };
        match step {
            0 => drop(server.register(1).await),
            1 => drop(server.request_key(1, 1).await),
            2 => server.activate_key(key).await,
            3 => server.suspend(1).await,
            4 => drop(server.create_session(1, 1, SessionKind::Sign).await),
            5 => {
                let stream = StreamId::new("key", key);
                server.append(&stream, &frozen("an.intent.jws")).await;
            }
            _ => drop(
                server
                    .session_event(session, &SessionEvent::SessionExpired {})
                    .await,
            ),
        }
        server.settle().await;
        let mut now = vec![];
        for path in &paths {
            let answer = server.get(path).await;
            now.push((answer.status == StatusCode::OK).then_some(answer.body));
        }
        shown.push(now);
    }
    (server, paths, shown)
}

#[tokio::test]
async fn every_past_is_answered_as_it_was_then() {
    let (server, paths, shown) = seeded().await;
    for (position, then) in shown.iter().enumerate().skip(1) {
        for (path, then) in paths.iter().zip(then) {
            let answer = server.get(&format!("{path}?as_of={position}")).await;
            // Live progress is not in the log.
            let then = then.clone().map(|mut then| {
                then.as_object_mut().expect("an object").remove("progress");
                then
            });
            match then {
                Some(then) => {
                    assert_eq!(answer.status, StatusCode::OK, "{path} {}", answer.body);
                    assert_eq!(answer.body, then, "{path} {position}");
                    assert_eq!(answer.header("countersign-position"), position.to_string());
                }
                None => {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} {position}");
                    let detail = answer.body["detail"].as_str().unwrap_or_default();
                    assert!(detail.contains("it came to be at position"), "{detail}");
                }
            }
        }
    }
}

/// All lists that have a past.
fn lists() -> Vec<String> {
    let of_account = format!("/v1/accounts/{}/keys", account_id(1));
    let lists = ["/v1/accounts", "/v1/keys", "/v1/sessions", &of_account];
    lists.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn lists_are_answered_as_they_were_then() {
    let server = Server::start().await;
    let key = key_id(1, 1);
    let filtered = [
        "/v1/accounts?status=suspended",
        "/v1/accounts?username=user-1",
        "/v1/keys?status=active",
        "/v1/sessions?status=expired",
        "/v1/sessions?kind=sign&limit=1",
    ];
    let paths: Vec<_> = filtered.map(str::to_owned).into_iter().collect();
    let paths = [lists(), paths].concat();
    let mut shown = vec![];
    for step in 0..8 {
        match step {
            0 => drop(server.register(1).await),
            1 => drop(server.request_key(1, 1).await),
            2 => server.activate_key(key).await,
            3 => server.suspend(1).await,
            4 => drop(server.register(2).await),
            5 => drop(server.create_session(1, 1, SessionKind::Sign).await),
            6 => drop(server.create_session(1, 2, SessionKind::Sign).await),
            _ => {
                let (id, expired) = (session_id(1, 1), SessionEvent::SessionExpired {});
                server.session_event(id, &expired).await;
            }
        }
        server.settle().await;
        let mut now = vec![];
        for path in &paths {
            now.push(server.get(path).await);
        }
        shown.push(now);
    }
    for (then, position) in shown.iter().zip(1..) {
        for (path, then) in paths.iter().zip(then) {
            let mark = if path.contains('?') { '&' } else { '?' };
            let past = server.get(&format!("{path}{mark}as_of={position}")).await;
            assert_eq!(past.status, then.status, "{path} {position} {}", past.body);
            assert_eq!(past.body, then.body, "{path} {position}");
            assert_eq!(past.header("countersign-position"), position.to_string());
        }
    }
    // A list goes on in the same past.
    let first = server.get("/v1/sessions?kind=sign&limit=1&as_of=8").await;
    let cursor = first.body["next_cursor"].as_str().expect("it goes on");
    let second = format!("/v1/sessions?kind=sign&limit=1&as_of=8&cursor={cursor}");
    let second = server.get(&second).await;
    assert_eq!(
        second.items()[0]["session_id"],
        session_id(1, 1).to_string()
    );
    assert_eq!(second.items()[0]["status"], "expired");
    let nobody = server
        .get(&format!("/v1/accounts/{}/keys?as_of=4", account_id(2)))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let detail = nobody.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("came to be at position 5"), "{detail}");
}

#[tokio::test]
async fn a_time_is_as_good_as_a_position() {
    let (server, paths, shown) = seeded().await;
    // The event at position n is recorded n seconds after this.
    for (time, position) in [
        ("2025-06-15T15:06:43Z", 3),
        ("2025-06-15T15:06:43.999999Z", 3),
        ("2025-06-15T17:06:46%2B02:00", 6),
        ("2025-06-15T15:07:40Z", 7),
    ] {
        let answer = server.get(&format!("{}?as_of={time}", paths[1])).await;
        assert_eq!(
            answer.header("countersign-position"),
            position.to_string(),
            "{time}"
        );
        assert_eq!(Some(answer.body), shown[position][1], "{time}");
    }
}

#[tokio::test]
async fn what_was_is_read_from_the_log_while_the_read_models_are_behind() {
    let server = Server::behind().await;
    server.register(1).await;
    let path = format!("/v1/accounts/{}", account_id(1));
    assert_eq!(server.get(&path).await.status, StatusCode::NOT_FOUND);
    let answer = server.get(&format!("{path}?as_of=1")).await;
    assert_eq!(answer.body["username"], "User-1");
}

#[tokio::test]
async fn a_bad_as_of_is_refused_by_name_with_the_cure() {
    let (server, mut paths, _) = seeded().await;
    paths.extend(lists());
    for path in &paths {
        for (as_of, code, says) in [
            ("", "invalid_parameter", "is empty"),
            ("soon", "invalid_parameter", "such as 17"),
            ("-1", "invalid_parameter", "such as 17"),
            ("1.5", "invalid_parameter", "such as 17"),
            ("99999999999999999999", "invalid_parameter", "such as 17"),
            (
                "2025-06-15",
                "invalid_parameter",
                "such as 2026-01-31T12:00:00Z",
            ),
            ("2025-06-15T17:06:46+02:00", "invalid_parameter", "%2B"),
            ("0", "invalid_parameter", "first event has position 1"),
            ("8", "position_beyond_head", "the head of the log, 7"),
            (
                "2025-06-15T15:06:40Z",
                "invalid_parameter",
                "name a time from then on",
            ),
            ("2099-01-01T00:00:00Z", "invalid_parameter", "in the future"),
            ("1&as_of=2", "invalid_parameter", "twice"),
        ] {
            let answer = server.get(&format!("{path}?as_of={as_of}")).await;
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{as_of} {}",
                answer.body
            );
            assert_eq!(answer.body["code"], code, "{as_of}");
            assert_eq!(answer.body["field"], "as_of", "{as_of}");
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(says), "{as_of}: {detail}");
        }
    }
    for other in ["/v1/events", "/v1/parties"] {
        let answer = server.get(&format!("{other}?as_of=1")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{other}");
        assert_eq!(answer.body["code"], "unknown_parameter");
        assert_eq!(answer.body["field"], "as_of");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains("of accounts, keys and sessions"),
            "{detail}"
        );
    }
    let nobody = server
        .get(&format!("/v1/accounts/{}?as_of=1", account_id(9)))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert_eq!(nobody.body["code"], "not_found");
}
