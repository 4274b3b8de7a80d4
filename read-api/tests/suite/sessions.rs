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

#[tokio::test]
async fn the_timeline_of_a_session_with_the_rounds_that_were_heard_of() {
    // The read models are not asked.
    let server = Server::behind().await;
    let id = server.create_session(1, 1, SessionKind::Sign).await; // 1
    server.start_session(id).await; // 2 to 6, a second each
    for (index, attempt, phase, seconds) in [
        (1, 1, Phase::Joined, 3),
        (1, 1, Phase::Round(1), 7),
        // Its clock is behind.
        (2, 1, Phase::Round(1), 5),
        (2, 1, Phase::Round(2), 9),
        (1, 1, Phase::Round(2), 10),
        (2, 1, Phase::Done, 12),
        // Of an attempt that is not this one.
        (3, 2, Phase::Round(1), 50),
    ] {
        let progress = Progress {
            session: id,
            attempt,
            party: party(index),
            phase,
            at: at(seconds),
        };
        let taken = server.progress.observe(&progress.sign(&identity(index)));
        taken.expect("progress of a party of the roster");
    }
    let answer = server.get(&format!("/v1/sessions/{id}/timeline")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let timeline = &answer.body;
    assert_eq!(timeline["session_id"], id.to_string());
    assert_eq!(timeline["account_id"], account_id(1).to_string());
    assert_eq!(timeline["status"], "in_progress");
    // It is 100 s after the beginning of time.
    assert_eq!(timeline["took_ms"], 99_000.0);
    assert_eq!(timeline["position"], 6);
    assert_eq!(timeline["entries"][5]["event_type"], "SessionStarted");
    let phases = timeline["phases"].as_array().expect("phases");
    let [gathering, rounds] = &phases[..] else {
        panic!("{phases:?}");
    };
    assert_eq!(gathering["phase"], "gathering");
    assert_eq!(gathering["took_ms"], 5_000.0);
    assert_eq!(gathering["awaited"][0]["party"], "party-1");
    assert_eq!(gathering["awaited"][0]["for"], "join");
    assert_eq!(gathering["awaited"][0]["outcome"], "came");
    assert!(gathering.get("steps").is_none());
    assert_eq!(rounds["phase"], "rounds");
    assert!(rounds.get("until").is_none());
    let steps = rounds["steps"].as_array().expect("steps");
    let told: Vec<_> = steps
        .iter()
        .map(|s| (&s["step"], &s["round"], &s["took_ms"], &s["last"]))
        .collect();
    let json = serde_json::json!([
        ["round", 1, 4_000.0, "party-1"],
        ["round", 2, 3_000.0, "party-1"],
        ["done", null, null, null],
    ]);
    for (told, expected) in told.iter().zip(json.as_array().expect("a list")) {
        assert_eq!(serde_json::json!(told), *expected);
    }
    assert_eq!(told.len(), 3);
    assert_eq!(steps[0]["parties"][1]["took_ms"], 3_000.0);

    let unknown = server
        .get(&format!("/v1/sessions/{}/timeline", session_id(3, 3)))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
