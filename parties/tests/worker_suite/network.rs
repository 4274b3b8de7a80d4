use std::sync::Arc;
use std::time::Duration;

use countersign_domain::session::SessionEvent;
use countersign_messaging::frame::FrameKind;
use countersign_messaging::party_command::{AbortReason, PartyAction};

use crate::coordinator::Coordinator;
use crate::faulty::FaultyBus;
use crate::house::{House, impatient, party};
use crate::order::Order;

#[tokio::test(flavor = "multi_thread")]
async fn signing_survives_a_network_that_loses_repeats_and_reorders() {
    let house = House::on(Arc::new(FaultyBus::lossy(11)));
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
    let house = House::on(Arc::new(FaultyBus::lossy(5)));
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

/// Carol sends her first message to alpha and nothing more to anybody. Bravo is
/// stuck without hers, so alpha has nothing new from bravo either, but hears that
/// it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_is_held_up_by_a_silent_one_is_not_blamed() {
    let bus = FaultyBus::filtered(|receiver, frame| {
        frame.from != party("carol")
            || (receiver == "alpha" && frame.round == 1 && frame.kind == FrameKind::Data)
    });
    let house = House::on(Arc::new(bus));
    let coordinator = Coordinator::start(&house).await;
    let _alpha = house
        .start_with("alpha", |config| impatient(&mut config.limits))
        .await;
    let mut others = Vec::new();
    for name in ["bravo", "carol"] {
        let patient = house.start_with(name, |config| {
            impatient(&mut config.limits);
            config.limits.silence_keygen_base = Duration::from_secs(60);
        });
        others.push(patient.await);
    }
    let order = Order::keygen(&house, "a key");
    coordinator.open(&order).await;
    let PartyAction::Abort {
        reason, culprits, ..
    } = coordinator.abort("alpha").await
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Silence { round: 2 });
    assert_eq!(culprits, [party("carol")]);
}
