//! `/v1/sessions`.

use axum::http::StatusCode;
use countersign_domain::session::{SessionEvent, SessionKind};
use countersign_messaging::progress::{Phase, Progress};

use crate::support::seed::{account_id, key_id, session_id};
use crate::support::{Server, at, identity, party};

#[tokio::test]
async fn a_running_session_with_live_progress() {
    let server = Server::start().await;
    let id = server.create_session(1, 1, SessionKind::Sign).await;
    server.start_session(id).await;
    server.settle().await;
    for (index, attempt, phase) in [
        (1, 1, Phase::Round(2)),
        (2, 1, Phase::Confirming),
        // Of an attempt that is not this one.
        (3, 2, Phase::Joined),
    ] {
        let progress = Progress {
            session: id,
            attempt,
            party: party(index),
            phase,
            at: at(50),
        };
        let taken = server.progress.observe(&progress.sign(&identity(index)));
        taken.expect("progress of a party of the roster");
    }
    let answer = server.get(&format!("/v1/sessions/{id}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.body);

    server
        .session_event(id, &SessionEvent::SessionExpired {})
        .await;
    server.settle().await;
    let over = server.get(&format!("/v1/sessions/{id}")).await;
    assert_eq!(over.body["status"], "expired");
    assert!(over.body.get("progress").is_none());
}

#[tokio::test]
async fn filters() {
    let server = Server::start().await;
    let generated = server.create_session(1, 1, SessionKind::Keygen).await;
    let signed = server.create_session(1, 2, SessionKind::Sign).await;
    let other = server.create_session(2, 1, SessionKind::Sign).await;
    server.start_session(signed).await;
    server.settle().await;
    let (account, key) = (account_id(1), key_id(2, 1));
    for (query, expected) in [
        (String::new(), vec![other, signed, generated]),
        (format!("?account={account}"), vec![signed, generated]),
        (format!("?key={key}"), vec![other]),
        ("?status=in_progress".into(), vec![signed]),
        ("?kind=keygen".into(), vec![generated]),
        (format!("?account={account}&kind=sign"), vec![signed]),
        (format!("?account={account}&key={key}"), vec![]),
        ("?kind=refresh".into(), vec![]),
    ] {
        let answer = server.get(&format!("/v1/sessions{query}")).await;
        let ids: Vec<_> = answer
            .items()
            .iter()
            .map(|s| s["session_id"].clone())
            .collect();
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn the_events_of_a_session() {
    let server = Server::start().await;
    let id = server.create_session(1, 1, SessionKind::Sign).await;
    server.create_session(1, 2, SessionKind::Sign).await;
    server.start_session(id).await;
    let path = format!("/v1/sessions/{id}/events");
    let types = |answer: &crate::support::Answer| {
        let events = answer.body["events"].as_array().expect("events");
        events
            .iter()
            .map(|e| e["event_type"].clone())
            .collect::<Vec<_>>()
    };
    let all = server.get(&path).await;
    assert_eq!(
        types(&all),
        [
            "SessionCreated",
            "ParticipantJoined",
            "ParticipantReady",
            "ParticipantJoined",
            "ParticipantReady",
            "SessionStarted"
        ]
    );
    assert_eq!(all.body["next_after"], 6);
    let some = server.get(&format!("{path}?after=1&limit=2")).await;
    assert_eq!(types(&some), ["ParticipantJoined", "ParticipantReady"]);
    assert_eq!(some.body["next_after"], 3);
    let end = server.get(&format!("{path}?after=6")).await;
    assert_eq!(types(&end), [] as [&str; 0]);
    assert_eq!(end.body["next_after"], 6);
    let unknown = server
        .get(&format!("/v1/sessions/{}/events", session_id(3, 3)))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
