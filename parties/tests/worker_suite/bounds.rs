//! What is beyond a bound is dropped and counted.

use countersign_domain::session::SessionEvent;
use countersign_messaging::subject;

use crate::coordinator::Coordinator;
use crate::house::{House, party, until};
use crate::order::Order;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_beyond_the_bound_are_not_joined() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house
        .start_with("alpha", |config| config.limits.sessions = 2)
        .await;
    for number in 0..5 {
        let order = Order::sign(&house, &format!("{number}"), "hello", &["alpha", "bravo"]);
        coordinator.open(&order).await;
    }
    let dropped = || {
        let stats = &alpha.stats;
        (
            stats.invitations_accepted.get(),
            stats.invitations_dropped.get(),
        )
    };
    coordinator
        .wait("joins", |this| (this.commands().len() == 2).then_some(()))
        .await;
    until("two taken, three dropped", || dropped() == (2, 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_beyond_the_bounds_and_of_unknown_sessions_are_dropped() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house
        .start_with("alpha", |config| {
            config.limits.frames_per_session = 4;
            config.limits.buffered_bytes = 1000;
        })
        .await;
    let order = Order::sign(&house, "known", "hello", &["alpha", "bravo"]);
    let other = Order::sign(&house, "unknown", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    coordinator
        .wait("join", |this| (!this.commands().is_empty()).then_some(()))
        .await;
    let frames = |order: &Order| subject::mpc(order.id(), 1, &party("alpha"));
    coordinator.publish(&frames(&other), vec![0; 10]).await;
    // One too large for the bytes there are, then one too many.
    coordinator.publish(&frames(&order), vec![0; 1001]).await;
    until("two dropped", || alpha.stats.frames_dropped.get() == 2).await;
    for _ in 0..5 {
        coordinator.publish(&frames(&order), vec![0; 10]).await;
    }
    until("frames_dropped", || alpha.stats.frames_dropped.get() == 3).await;
    // Once the attempt begins they are looked at, and the room is free again.
    let signers = order.session.signers.clone();
    let attempt = 1;
    coordinator
        .relay(
            order.id(),
            &SessionEvent::SessionStarted { attempt, signers },
        )
        .await;
    until("frames_refused", || alpha.stats.frames_refused.get() == 4).await;
    assert_eq!(alpha.stats.frames_dropped.get(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn early_starts_are_few() {
    let house = House::new();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house
        .start_with("alpha", |config| config.limits.early_starts = 2)
        .await;
    for number in 0..5 {
        let order = Order::sign(&house, &format!("{number}"), "hello", &["alpha", "bravo"]);
        let signers = order.session.signers.clone();
        let attempt = 1;
        coordinator
            .relay(
                order.id(),
                &SessionEvent::SessionStarted { attempt, signers },
            )
            .await;
    }
    until("events_dropped", || alpha.stats.events_dropped.get() == 3).await;
}
