//! What somebody may not see is hidden in the console as it is in the endpoints.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use countersign_domain::ids::AccountId;
use countersign_domain::session::SessionKind;
use countersign_event_store::{Owner, Recorded};
use countersign_read_api::{Viewer, Visibility};

use crate::shared::support::seed::account_id;
use crate::world::{World, session};

/// One account is nobody's business.
#[derive(Debug)]
struct Hidden(AccountId);

impl Visibility for Hidden {
    fn viewer(&self, _: &HeaderMap) -> Arc<dyn Viewer> {
        Arc::new(Self(self.0))
    }
}

impl Viewer for Hidden {
    fn sees(&self, _: &Recorded, owner: &Owner) -> bool {
        owner.account != Some(self.0)
    }
}

#[tokio::test]
async fn events_and_sessions_that_are_hidden_are_not_there() {
    let policy = Arc::new(Hidden(account_id(1)));
    let world = World::with(|api| api.with_visibility(policy)).await;
    world.register(1, 1, "secret-desk").await; // 1
    world.register(2, 2, "open-desk").await; // 2
    world.create(3, 4, SessionKind::Sign, &[1, 2]).await; // 3, of the first account
    world.settle().await;
    for path in [
        "/console/",
        "/console/events",
        "/console/events?after=0",
        "/console/events?from=3",
    ] {
        let page = world.page(path).await;
        assert!(page.contains("/console/events/2\""), "{path}: {page}");
        for hidden in ["/console/events/1\"", "/console/events/3\"", "secret-desk"] {
            assert!(!page.contains(hidden), "{path}: {hidden}");
        }
    }
    let of_session = format!("/console/events?session={}", session(4));
    assert!(
        world
            .page(&of_session)
            .await
            .contains("No event fits here.")
    );
    let of_account = format!("/console/events?account={}", account_id(1));
    assert!(
        world
            .page(&of_account)
            .await
            .contains("No event fits here.")
    );
    for path in [
        "/console/events/1".to_owned(),
        format!("/console/sessions/{}", session(4)),
    ] {
        assert_eq!(
            world.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(world.get("/console/events/2").await.status, StatusCode::OK);
}
