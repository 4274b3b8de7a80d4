use std::time::Duration;

use countersign_domain::session::SessionEvent;
use countersign_messaging::party_command::{AbortReason, PartyAction};

use crate::coordinator::Coordinator;
use crate::house::{House, party, until};
use crate::order::Order;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_says_so_where_it_is_awaited() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    let order = Order::sign(&house, "hello", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    coordinator
        .event(order.id(), "ready", |event| {
            matches!(event, SessionEvent::ParticipantReady { .. }).then_some(())
        })
        .await;
    alpha.stop().await;
    // The spare may begin without waiting for a deadline.
    let PartyAction::Abort {
        reason, culprits, ..
    } = coordinator.abort("alpha").await
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Engine);
    assert_eq!(culprits, [party("alpha")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_a_worker_stops_is_given_up_at_the_deadline() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house
        .start_with("alpha", |config| {
            config.limits.drain = Duration::from_millis(50);
        })
        .await;
    let order = Order::sign(&house, "hello", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    coordinator
        .event(order.id(), "ready", |event| {
            matches!(event, SessionEvent::ParticipantReady { .. }).then_some(())
        })
        .await;
    let signers = order.session.signers.clone();
    let attempt = 1;
    coordinator
        .relay(
            order.id(),
            &SessionEvent::SessionStarted { attempt, signers },
        )
        .await;
    until("begun", || alpha.stats.attempts_begun.get() == 1).await;
    alpha.stop().await;
    let PartyAction::Abort { culprits, .. } = coordinator.abort("alpha").await else {
        panic!("not an abort");
    };
    assert_eq!(culprits, [party("alpha")]);
}
