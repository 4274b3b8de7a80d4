//! Rebuilds beside the traffic.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use countersign_projections::postgres::{Phase, Rebuild, VersionState, list};
use countersign_projections::{Projection, StoreError};
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, everything};
use crate::projector::{PATIENCE, append, history};

fn rebuild(fixture: &Fixture, projections: &[Projection]) -> Rebuild {
    Rebuild::new(
        fixture.log.clone(),
        fixture.pool.clone(),
        projections.to_vec(),
    )
    .grace(Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_no_failed_and_no_inconsistent_answer_while_versions_are_swapped() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let world = history(3);
    let (before, after) = world.log.split_at(world.log.len() / 2);
    for envelope in before {
        append(&*fixture.log, envelope).await;
    }
    let models = fixture.at_head().await;
    let over = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU64::new(0));
    let mut readers = vec![];
    for _ in 0..4 {
        let (models, over, answers) = (models.clone(), over.clone(), answers.clone());
        readers.push(tokio::spawn(async move {
            let mut seen = HashMap::new();
            let mut sessions = 0;
            while !over.load(Ordering::Relaxed) {
                let position = models.position();
                let page = models.list_sessions(&Default::default(), None, 100).await;
                let page = page.expect("no failed query").items;
                // Nothing is lost, and nothing goes back.
                assert!(page.len() >= sessions);
                sessions = page.len();
                for row in &page {
                    let last = seen.entry(row.view.session_id).or_insert(0);
                    assert!(row.view.position >= *last);
                    *last = row.view.position;
                    let timeline = models.timeline(row.view.session_id).await;
                    let timeline = timeline.expect("no failed query");
                    let shown = timeline.iter().map(|it| it.position);
                    // A row that is further than all projections were may have come
                    // before its timeline.
                    if row.view.position <= position {
                        assert!(shown.max().is_some_and(|last| last >= row.view.position));
                    }
                }
                models.parties().await.expect("no failed query");
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut rebuilds = 0;
    for (number, envelope) in after.iter().enumerate() {
        let position = append(&*fixture.log, envelope).await;
        let reached = models.wait_for(position, PATIENCE).await;
        reached.expect("one reads one's own writes");
        if number % 5 == 0 && number < 30 {
            let rebuilt = rebuild(&fixture, &Projection::ALL)
                .run(|_| {}, CancellationToken::new())
                .await
                .expect("a rebuild");
            assert_eq!(rebuilt.len(), 5);
            rebuilds += 1;
            let before = answers.load(Ordering::Relaxed);
            while answers.load(Ordering::Relaxed) < before + 2 {
                assert!(readers.iter().all(|reader| !reader.is_finished()));
                tokio::task::yield_now().await;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("no failed assertion");
    }
    let memory = fixture.in_memory().await;
    assert_eq!(everything(&models).await, everything(&memory).await);
    let versions = list(&fixture.pool).await.expect("a list");
    assert!(rebuilds > 2);
    assert!(versions.iter().all(|it| it.version == rebuilds + 1));
    assert!(versions.iter().all(|it| it.state == VersionState::Active));
    projecting.stop().await;
}

#[tokio::test]
async fn a_rebuild_mends_what_was_changed_by_hand_and_tells_how_far_it_is() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let head = fixture.append(&history(2)).await;
    fixture.at_head().await;
    fixture.execute("DELETE FROM read_models.sessions_v1").await;
    let mut told = vec![];
    let rebuilt = rebuild(&fixture, &[Projection::Sessions])
        .run(|progress| told.push(progress), CancellationToken::new())
        .await
        .expect("a rebuild");
    assert_eq!((rebuilt[0].replaced, rebuilt[0].version), (1, 2));
    let last = told.iter().rfind(|it| it.phase == Phase::Filling);
    let last = last.expect("some progress");
    assert_eq!((last.position, last.head), (head, head));
    assert!(last.rate > 0.0);
    let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
    assert_eq!(everything(&models).await, everything(&memory).await);
    projecting.stop().await;
}

#[tokio::test]
async fn a_rebuild_that_is_called_off_or_dies_changes_nothing() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    fixture.append(&history(2)).await;
    let models = fixture.at_head().await;
    let (tables, before) = (fixture.tables().await, everything(&models).await);

    let cancelled = CancellationToken::new();
    let called_off = rebuild(&fixture, &Projection::ALL)
        .run(|_| cancelled.cancel(), cancelled.clone())
        .await;
    assert!(
        matches!(called_off, Err(StoreError::Cancelled)),
        "{called_off:?}"
    );
    assert_eq!(fixture.tables().await, tables);

    // Dropped in the middle, like a process that is killed.
    let (reached, middle) = tokio::sync::oneshot::channel();
    let mut reached = Some(reached);
    let progress = move |_| {
        let _ = reached.take().map(|reached| reached.send(()));
    };
    // Its connections die with it, whatever was under way on them.
    let options = (*fixture.pool.connect_options()).clone();
    let own = PgPoolOptions::new().connect_with(options).await.unwrap();
    let dying = Rebuild::new(fixture.log.clone(), own, Projection::ALL.to_vec());
    let dying = dying.run(progress, CancellationToken::new());
    tokio::select! {
        biased;
        _ = middle => {}
        _ = dying => panic!("it was not to end"),
    }
    assert_ne!(fixture.tables().await, tables);
    assert_eq!(everything(&models).await, before);

    // The next one takes away what is left, once the dead one's connection is gone.
    let rebuilt = tokio::time::timeout(PATIENCE, async {
        loop {
            let next = rebuild(&fixture, &[Projection::Keys]);
            match next.run(|_| {}, CancellationToken::new()).await {
                Err(StoreError::Busy) => tokio::task::yield_now().await,
                rebuilt => return rebuilt,
            }
        }
    });
    rebuilt.await.expect("in time").expect("a rebuild");
    assert_eq!(fixture.tables().await.len(), tables.len());
    assert_eq!(everything(&models).await, before);
    projecting.stop().await;
}

#[tokio::test]
async fn there_is_one_rebuild_at_a_time() {
    let fixture = Fixture::new().await;
    fixture.append(&history(1)).await;
    let (started, running) = tokio::sync::oneshot::channel();
    let mut started = Some(started);
    let cancelled = CancellationToken::new();
    let first = Rebuild::new(
        fixture.log.clone(),
        fixture.pool.clone(),
        vec![Projection::Keys],
    );
    // It waits for its grace for as long as it may.
    let first = first.grace(PATIENCE).run(
        move |_| {
            let _ = started.take().map(|started| started.send(()));
        },
        cancelled.clone(),
    );
    let second = async {
        running.await.expect("it runs");
        let second = rebuild(&fixture, &[Projection::Keys]);
        let refused = second.run(|_| {}, CancellationToken::new()).await;
        cancelled.cancel();
        refused
    };
    let (_, refused) = tokio::join!(first, second);
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
}

#[tokio::test]
async fn rows_that_are_kept_back_no_longer_are_read_when_they_change_again() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    fixture.append(&history(4)).await;
    fixture.at_head().await;
    for (page, held) in [(1, 0), (7, 1), (20, 5), (2000, 0)] {
        rebuild(&fixture, &Projection::ALL)
            .bounds(page, held)
            .run(|_| {}, CancellationToken::new())
            .await
            .expect("a rebuild");
        let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
        assert_eq!(everything(&models).await, everything(&memory).await);
    }
    projecting.stop().await;
}
