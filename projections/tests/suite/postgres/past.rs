//! Versions that show the past.

use std::sync::Arc;

use countersign_event_store::{Decoder, EventLog as _, ReadLog};
use countersign_projections::history::models_at;
use countersign_projections::postgres::{
    PastVersions, Rebuild, VersionState, drop_past, list, verify,
};
use countersign_projections::{Projection, ReadModels, StoreError};
use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, everything};
use crate::projector::history;

fn past(fixture: &Fixture) -> PastVersions {
    let log: Arc<dyn countersign_event_store::EventLog> = fixture.log.clone();
    PastVersions::new(Arc::new(log), fixture.pool.clone())
}

async fn state_of(fixture: &Fixture, projection: Projection, version: u32) -> VersionState {
    let versions = list(&fixture.pool).await.expect("versions");
    let found = versions
        .iter()
        .find(|it| it.projection == projection && it.version == version);
    found.expect("the version").state
}

#[tokio::test]
async fn what_is_filled_up_to_a_position_is_what_was_shown_there() {
    let fixture = Fixture::new().await;
    let head = fixture.append(&history(5)).await;
    let (first, second) = (head / 3, head * 2 / 3);
    let filler = past(&fixture);
    let made = filler.create(&Projection::ALL).await.expect("versions");
    let go = CancellationToken::new();
    // In two goes, the first of them slowly.
    let slow = past(&fixture).rate(Some(5_000));
    let filled = slow.fill(&made, first, |_| {}, &go).await.expect("filled");
    assert!(filled.iter().all(|one| one.position == first));
    let mut told = vec![];
    let filled = filler.fill(&made, second, |it| told.push(it.position), &go);
    let filled = filled.await.expect("filled");
    assert!(filled.iter().all(|one| one.position == second));
    assert_eq!(told.last(), Some(&second));

    // Neither a rebuild nor a verification takes them for theirs.
    let log = fixture.log.clone();
    Rebuild::new(log.clone(), fixture.pool.clone(), Projection::ALL.to_vec())
        .grace(std::time::Duration::ZERO)
        .run(|_| {}, CancellationToken::new())
        .await
        .expect("a rebuild");
    let checked = verify(
        log.clone(),
        fixture.pool.clone(),
        Projection::ALL.to_vec(),
        |_| {},
        |difference| panic!("{difference:?}"),
        CancellationToken::new(),
    );
    assert_eq!(checked.await.expect("verified").len(), 5);
    for one in &filled {
        assert_eq!(
            state_of(&fixture, one.projection, one.version).await,
            VersionState::Past
        );
    }

    // Shown as if they were the active ones.
    fixture
        .execute(
            "UPDATE read_models.versions SET state = 'retired', retired_at = now()
                 WHERE state = 'active';
             UPDATE read_models.versions SET state = 'active' WHERE state = 'past'",
        )
        .await;
    let shared: Arc<dyn countersign_event_store::EventLog> = log;
    let log: Arc<dyn ReadLog> = Arc::new(shared);
    let then = models_at(&*log, &Decoder::default(), second, |_| true).await;
    let then = everything(&ReadModels::new(then.expect("read models"))).await;
    assert_eq!(everything(&fixture.models().await).await, then);
    assert!(second < fixture.log.head().await.expect("a head"));
}

#[tokio::test]
async fn one_that_was_called_off_goes_on_and_only_what_shows_the_past_is_dropped() {
    let fixture = Fixture::new().await;
    let head = fixture.append(&history(4)).await;
    let filler = past(&fixture);
    let made = filler.create(&[Projection::Keys]).await.expect("a version");
    let table = made[0].table.trim_start_matches("read_models.").to_owned();
    let stop = CancellationToken::new();
    // One event a second: it is called off at the first.
    let slow = past(&fixture).rate(Some(1));
    let called_off = slow.fill(&made, head, |_| stop.cancel(), &stop).await;
    assert!(matches!(called_off, Err(StoreError::Cancelled)));
    assert!(fixture.tables().await.contains(&table));
    let go = CancellationToken::new();
    let filled = filler.fill(&made, head, |_| {}, &go).await.expect("filled");
    assert_eq!(filled[0].position, head);
    let rows: i64 = sqlx::query_scalar(&format!("SELECT count(*) FROM {}", filled[0].table))
        .fetch_one(&fixture.pool)
        .await
        .expect("rows");
    assert_eq!(rows, history(4).keys.len() as i64);

    drop_past(&fixture.pool, Projection::Keys, made[0].version)
        .await
        .expect("dropped");
    assert!(!fixture.tables().await.contains(&table));
    for version in [1, made[0].version] {
        let refused = drop_past(&fixture.pool, Projection::Keys, version).await;
        assert!(matches!(refused, Err(StoreError::NotPast { .. })));
    }
    let gone = filler.fill(&made, head, |_| {}, &go).await;
    assert!(matches!(gone, Err(StoreError::NotPast { .. })));
    assert_eq!(
        state_of(&fixture, Projection::Keys, 1).await,
        VersionState::Active
    );
}

#[tokio::test]
async fn what_shows_more_than_is_asked_for_is_refused_before_anything_is_filled() {
    let fixture = Fixture::new().await;
    let head = fixture.append(&history(2)).await;
    let filler = past(&fixture);
    let both = [Projection::Accounts, Projection::Keys];
    let made = filler.create(&both).await.expect("two versions");
    let go = CancellationToken::new();
    let filled = filler.fill(&made[1..], head, |_| {}, &go).await;
    assert_eq!(filled.expect("filled")[0].position, head);
    let refused = filler.fill(&made, head - 1, |_| {}, &go).await;
    assert!(
        matches!(refused, Err(StoreError::Beyond { position, to }) if (position, to) == (head, head - 1)),
        "{refused:?}"
    );
    let rows: i64 = sqlx::query_scalar(&format!("SELECT count(*) FROM {}", made[0].table))
        .fetch_one(&fixture.pool)
        .await
        .expect("rows");
    assert_eq!(rows, 0);
}
