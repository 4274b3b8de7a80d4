//! The projector role.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::EventLog as _;
use countersign_projections::Projection;
use countersign_projections::postgres::{ProjectionStatus, status};
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

/// Has what a projector does to a table fail, as if the process died in the middle.
async fn die(fixture: &Fixture, what: &str, when: &str) {
    let sql = format!(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'dead'; END $$;
         CREATE TRIGGER die AFTER {what} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION die();"
    );
    fixture.execute(&sql).await;
}

/// How many streams each projection has parked, in the order of [`Projection::ALL`].
fn parked(all: &[ProjectionStatus]) -> Vec<u64> {
    let all = all.iter().zip(Projection::ALL);
    all.map(|(it, projection)| {
        assert_eq!(it.projection, projection);
        it.parked
    })
    .collect()
}

/// Returns when so many projections are at the head, with all of them.
async fn when_at(fixture: &Fixture, head: u64, healthy: usize) -> Vec<ProjectionStatus> {
    let waiting = timeout(PATIENCE, async {
        loop {
            let all = status(&fixture.pool, head).await.expect("a status");
            if all.iter().filter(|it| it.lag == 0).count() == healthy {
                return all;
            }
            tokio::task::yield_now().await;
        }
    });
    waiting.await.expect("the others go on")
}

#[tokio::test]
async fn all_projections_take_a_small_page_in_one_transaction() {
    let fixture = Fixture::new().await;
    let projecting = fixture.project(&Arc::default(), "one");
    for envelope in &history(1).log[..5] {
        append(&*fixture.log, envelope).await;
        fixture.at_head().await;
        let transactions: i64 =
            sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM read_models.versions")
                .fetch_one(&fixture.pool)
                .await
                .expect("a number");
        assert_eq!(transactions, 1);
    }
    projecting.stop().await;
}

#[tokio::test]
async fn what_is_parked_beside_a_projection_that_fails_is_told_as_well() {
    let fixture = Fixture::new().await;
    let world = history(1);
    let (poison, _) = poison(&world);
    let projecting = fixture.project(&Arc::default(), "one");
    fixture.append(&world).await;
    fixture.at_head().await;
    // The last of the projections, when the others have written what they park.
    die(&fixture, "INSERT ON read_models.timeline_v1", "true").await;
    fixture
        .execute(
            "CREATE TRIGGER die AFTER INSERT ON read_models.parked FOR EACH ROW
                  WHEN (new.projection = 'timeline') EXECUTE FUNCTION die()",
        )
        .await;
    let mut head = 0;
    for envelope in poison.iter().rev() {
        head = append(&*fixture.log, envelope).await;
    }
    let all = when_at(&fixture, head, 4).await;
    assert_eq!(parked(&all), [0, 1, 3, 3, 0]);
    projecting.stop().await;
}

#[tokio::test]
async fn rows_and_checkpoint_change_together_or_not_at_all_and_the_others_go_on() {
    let fixture = Fixture::new().await;
    let dying = "new.projection IN ('sessions', 'timeline')";
    die(&fixture, "UPDATE ON read_models.versions", dying).await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let head = fixture.append(&history(3)).await;
    let healthy = [Projection::Accounts, Projection::Keys, Projection::Parties];
    let all = when_at(&fixture, head, healthy.len()).await;
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
    assert_eq!(parked(&all), [0, 1, 3, 3, 3]);
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
    let all = when_at(&fixture, head, 4).await;
    let behind = all.iter().filter(|it| it.lag > 0);
    let behind: Vec<_> = behind.map(|it| it.projection).collect();
    assert_eq!(behind, [Projection::Sessions]);
    projecting.stop().await;
}
