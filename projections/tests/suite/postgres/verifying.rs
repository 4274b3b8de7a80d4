//! Verification.

use std::sync::Arc;

use countersign_event_store::Envelope;
use countersign_projections::Projection;
use countersign_projections::postgres::{Deviation, Difference, Rebuild, Verified, verify};
use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, everything};
use crate::projector::{append, history, history_with_an_erasure};
use crate::support::account_id;

async fn check(fixture: &Fixture) -> (Vec<Verified>, Vec<Difference>) {
    let mut found = vec![];
    let verified = verify(
        fixture.log.clone(),
        fixture.pool.clone(),
        Projection::ALL.to_vec(),
        |_| {},
        |difference| found.push(difference),
        CancellationToken::new(),
    );
    (verified.await.expect("a verification"), found)
}

#[tokio::test]
async fn every_row_that_was_changed_by_hand_is_found() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let head = fixture.append(&history(3)).await;
    fixture.at_head().await;
    let tables = fixture.tables().await;
    let (verified, found) = check(&fixture).await;
    assert_eq!(found, []);
    assert!(verified.iter().all(|it| it.position == head && it.rows > 0));

    for sql in [
        "UPDATE read_models.accounts_v1 SET doc = replace(doc::text, '\"active\"', '\"closed\"')::json
         WHERE doc::text LIKE '%\"active\"%'",
        "UPDATE read_models.keys_v1 SET status = 'frozen' WHERE created_position =
             (SELECT min(created_position) FROM read_models.keys_v1 WHERE status <> 'frozen')",
        "DELETE FROM read_models.sessions_v1 WHERE created_position =
             (SELECT min(created_position) FROM read_models.sessions_v1)",
        "INSERT INTO read_models.parties_v1 VALUES ('mallory', '{}')",
        "DELETE FROM read_models.timeline_v1 WHERE position =
             (SELECT min(position) FROM read_models.timeline_v1)",
        // The same in other words.
        "UPDATE read_models.sessions_v1 SET doc = doc::jsonb::json",
    ] {
        assert!(fixture.execute(sql).await > 0, "{sql}");
    }
    let (verified, found) = check(&fixture).await;
    let of = |projection| found.iter().filter(move |it| it.projection == projection);
    assert!(of(Projection::Accounts).count() > 0);
    for it in of(Projection::Accounts) {
        let Deviation::Differs(places) = &it.deviation else {
            panic!("{it:?}");
        };
        assert!(places.contains(&"/view/status".to_owned()), "{it:?}");
    }
    let keys: Vec<_> = of(Projection::Keys).map(|it| &it.deviation).collect();
    assert_eq!(keys, [&Deviation::Differs(vec!["status".into()])]);
    let sessions: Vec<_> = of(Projection::Sessions).map(|it| &it.deviation).collect();
    assert_eq!(sessions, [&Deviation::Missing]);
    let parties: Vec<_> = of(Projection::Parties).collect();
    assert_eq!(parties[0].row, "mallory");
    assert_eq!(parties[0].deviation, Deviation::Unexpected);
    assert_eq!(of(Projection::Timeline).count(), 1);
    let counted: u64 = verified.iter().map(|it| it.differences).sum();
    assert_eq!(counted, found.len() as u64);
    assert_eq!(fixture.tables().await, tables);
    projecting.stop().await;
}

#[tokio::test]
async fn projections_at_different_positions_are_each_compared_where_they_are() {
    let fixture = Fixture::new().await;
    let history = history(3).log;
    let (before, after) = history.split_at(history.len() / 2);
    for envelope in before {
        append(&*fixture.log, envelope).await;
    }
    let projecting = fixture.project(&Arc::default(), "one");
    fixture.at_head().await;
    projecting.stop().await;
    for envelope in after {
        append(&*fixture.log, envelope).await;
    }
    // One goes on to the head, by a rebuild; the others stay behind.
    Rebuild::new(
        fixture.log.clone(),
        fixture.pool.clone(),
        vec![Projection::Accounts],
    )
    .run(|_| {}, CancellationToken::new())
    .await
    .expect("a rebuild");
    let (verified, found) = check(&fixture).await;
    assert_eq!(found, []);
    assert_eq!(verified.len(), Projection::ALL.len());
    for it in verified {
        let expected = match it.projection {
            Projection::Accounts => history.len(),
            _ => before.len(),
        };
        assert_eq!(it.position, expected as u64, "{:?}", it.projection);
    }
}

#[tokio::test]
async fn words_that_a_text_column_cannot_hold_are_kept_as_they_are() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let mut joined = 0;
    for envelope in &history(3).log {
        let mut envelope = Envelope::clone(envelope);
        if envelope.event_type == "ParticipantJoined" {
            joined += 1;
            envelope.payload["device"]["version"] = "\0\u{1f980}\\u0000\"".into();
        }
        append(&*fixture.log, &envelope).await;
    }
    assert!(joined > 0);
    let (memory, models) = (fixture.in_memory().await, fixture.at_head().await);
    assert_eq!(everything(&models).await, everything(&memory).await);
    let (_, found) = check(&fixture).await;
    assert_eq!(found, []);
    projecting.stop().await;
}

#[tokio::test]
async fn an_erased_account_is_folded_as_it_is_rebuilt() {
    let fixture = Fixture::new().await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    fixture.append(&history_with_an_erasure()).await;
    let models = fixture.at_head().await;
    let (_, found) = check(&fixture).await;
    assert_eq!(found, []);
    let memory = fixture.in_memory().await;
    assert_eq!(everything(&models).await, everything(&memory).await);
    let row = models.account(account_id(9)).await.expect("a read");
    assert!(row.expect("a row").view.erased);
    projecting.stop().await;
}
