//! The projector role.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::EventLog as _;
use countersign_projections::Projection;
use countersign_projections::postgres::status;
use tokio::time::timeout;

use super::fixture::{Fixture, everything};
use crate::projector::{PATIENCE, append, history, poison};

#[tokio::test]
async fn a_standby_takes_over_from_a_projector_that_was_killed() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let active = fixture.project(&leases, "one");
    let world = history(1);
    let (before, after) = world.log.split_at(world.log.len() / 2);
    let models = fixture.models().await;
    for envelope in before {
        append(&*fixture.log, envelope).await;
    }
    let head = fixture.log.head().await.expect("a head");
    models.wait_for(head, PATIENCE).await.expect("in time");
    let standby = fixture.project(&leases, "two");
    // Killed: it gives nothing back.
    active.task.abort();
    let mut head = 0;
    for envelope in after {
        head = append(&*fixture.log, envelope).await;
    }
    let taken_over = models.wait_for(head, Duration::from_secs(5)).await;
    taken_over.expect("within 5 s");
    let memory = fixture.in_memory().await;
    assert_eq!(everything(&models).await, everything(&memory).await);
    standby.stop().await;
}

#[tokio::test]
async fn a_projector_that_stops_hands_over_at_once() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let first = fixture.project(&leases, "one");
    fixture.append(&history(0)).await;
    fixture.at_head().await;
    first.stop().await;
    let second = fixture.project(&leases, "two");
    append(&*fixture.log, &history(0).log[0]).await;
    let models = fixture.models().await;
    let head = fixture.log.head().await.expect("a head");
    let reached = models.wait_for(head, Duration::from_secs(2)).await;
    reached.expect("sooner than the lease runs out");
    second.stop().await;
}

#[tokio::test]
async fn rows_and_checkpoint_change_together_or_not_at_all_and_the_others_go_on() {
    let fixture = Fixture::new().await;
    // As if the process died after the rows were written, before the checkpoint.
    fixture
        .execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'dead'; END $$;
             CREATE TRIGGER die BEFORE UPDATE ON read_models.versions FOR EACH ROW
                 WHEN (new.projection IN ('sessions', 'timeline')) EXECUTE FUNCTION die();",
        )
        .await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let head = fixture.append(&history(3)).await;
    let healthy = [Projection::Accounts, Projection::Keys, Projection::Parties];
    let waiting = timeout(PATIENCE, async {
        loop {
            let all = status(&fixture.pool, head).await.expect("a status");
            let done = |it: &&_| {
                let it: &countersign_projections::postgres::ProjectionStatus = it;
                healthy.contains(&it.projection) && it.lag == 0
            };
            if all.iter().filter(done).count() == healthy.len() {
                return all;
            }
            tokio::task::yield_now().await;
        }
    });
    let all = waiting.await.expect("the others go on");
    for it in all.iter().filter(|it| !healthy.contains(&it.projection)) {
        assert_eq!((it.position, it.lag), (0, head), "{}", it.projection);
    }
    let models = fixture.models().await;
    assert_eq!(models.position(), 0);
    let sessions = models.list_sessions(&Default::default(), None, 1).await;
    assert!(sessions.expect("a list").items.is_empty());
    fixture
        .execute("DROP TRIGGER die ON read_models.versions")
        .await;
    let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
    assert_eq!(everything(&models).await, everything(&memory).await);
    projecting.stop().await;
}

#[tokio::test]
async fn poison_parks_its_stream_is_told_and_stops_nothing_else() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let world = history(1);
    let (poison, held_back) = poison(&world);
    let projecting = fixture.project(&leases, "one");
    fixture.append(&world).await;
    let mut first = 0;
    for envelope in poison.iter().rev() {
        first = append(&*fixture.log, envelope).await;
    }
    fixture.at_head().await;
    projecting.stop().await;
    // The next projector knows what is parked.
    let projecting = fixture.project(&leases, "two");
    for envelope in &held_back {
        append(&*fixture.log, envelope).await;
    }
    let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
    assert_eq!(everything(&models).await, everything(&memory).await);
    let head = fixture.log.head().await.expect("a head");
    let all = status(&fixture.pool, head).await.expect("a status");
    let parked: Vec<_> = all.iter().map(|it| (it.projection, it.parked)).collect();
    assert_eq!(
        parked,
        [
            (Projection::Accounts, 0),
            (Projection::Keys, 1),
            (Projection::Sessions, 3),
            (Projection::Parties, 3),
            (Projection::Timeline, 3),
        ]
    );
    assert!(all.iter().all(|it| it.lag == 0));
    let last = all[2].parked_events.last().expect("an event");
    assert_eq!(last.position, first);
    assert_eq!(last.event_type, "SessionTeleported");
    let text = serde_json::to_string(&all).expect("JSON");
    assert!(!text.contains("hunter2"));
    projecting.stop().await;
}

#[tokio::test]
async fn a_stored_row_that_cannot_be_read_stops_its_projection_only() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let world = history(1);
    let middle = world.log.len() / 2;
    let projecting = fixture.project(&leases, "one");
    for envelope in &world.log[..middle] {
        append(&*fixture.log, envelope).await;
    }
    fixture.at_head().await;
    let changed = fixture
        .execute("UPDATE read_models.sessions_v1 SET doc = '{}' WHERE status <> 'completed'")
        .await;
    assert!(changed > 0);
    for envelope in &world.log[middle..] {
        append(&*fixture.log, envelope).await;
    }
    let head = fixture.log.head().await.expect("a head");
    let waiting = timeout(PATIENCE, async {
        loop {
            let all = status(&fixture.pool, head).await.expect("a status");
            let (behind, even): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.lag > 0);
            if even.len() == 4 {
                return behind[0].projection;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(waiting.await.expect("in time"), Projection::Sessions);
    projecting.stop().await;
}
