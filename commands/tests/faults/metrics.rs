//! What the command side tells of itself.

use countersign_domain::ids::SessionId;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::{Manner, World, path_of, sign};

#[tokio::test]
async fn sessions_failures_and_requests_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    countersign_commands::metrics::describe();
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Silent));
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    replica.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "s");
    world.event(session, "SessionStarted").await;
    world.advance(20, &replica, |_| true);
    world.event(session, "AttemptFailed").await;
    world.clock.advance(chrono::Duration::hours(1));
    world.event(session, "SessionExpired").await;
    let handle = recorder.handle();
    let shown = async {
        loop {
            let text = handle.render();
            if text.contains("outcome=\"expired\"")
                && text.contains("kind=\"sign\",status=\"in_progress\"")
            {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let text = crate::support::soon(shown).await;
    for line in [
        "countersign_sessions_ended_total{kind=\"keygen\",outcome=\"completed\"} 1",
        "countersign_sessions_ended_total{kind=\"sign\",outcome=\"expired\"} 1",
        "countersign_attempt_failures_total{reason=\"timeout\"} 1",
        "countersign_http_request_seconds_count{route=\"/v1/keys/{id}/signatures\",status=\"202\"} 1",
        "# HELP countersign_sessions Open sessions",
        "# HELP countersign_http_request_seconds How long",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // Nothing that grows with what is signed.
    assert!(!text.contains(&session.to_string()));
}
