use std::sync::Arc;
use std::time::Duration;

use crate::coordinator::Coordinator;
use crate::house::House;
use crate::lossy::LossyBus;
use crate::order::Order;
use countersign_domain::session::SessionEvent;

#[tokio::test(flavor = "multi_thread")]
async fn signing_survives_a_network_that_loses_repeats_and_reorders() {
    let house = House::on(Arc::new(LossyBus::new(11)));
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let workers = house
        .start_all_with(|config| {
            config.limits.quiet = Duration::from_millis(20);
            config.limits.quiet_max = Duration::from_millis(100);
        })
        .await;
    for number in 0..12 {
        let order = Order::sign(&house, &format!("{number}"), "hello", &["alpha", "bravo"]);
        coordinator.open(&order).await;
        coordinator.signature(&order).await;
    }
    let asked: u64 = workers.values().map(|w| w.stats.resends_asked.get()).sum();
    assert!(asked > 0, "the network lost nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_generation_survives_a_network_that_loses_repeats_and_reorders() {
    let house = House::on(Arc::new(LossyBus::new(5)));
    let coordinator = Coordinator::start(&house).await;
    let _workers = house
        .start_all_with(|config| config.limits.quiet = Duration::from_millis(50))
        .await;
    let order = Order::keygen(&house, "a key");
    coordinator.open(&order).await;
    coordinator
        .event(order.id(), "key", |event| match event {
            SessionEvent::SessionCompleted { .. } => Some(()),
            SessionEvent::SessionFailed { detail, .. } => panic!("failed: {detail}"),
            _ => None,
        })
        .await;
}
