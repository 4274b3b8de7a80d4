use std::sync::Arc;

use countersign_domain::bytes::Hex;
use countersign_domain::session::SessionEvent;
use countersign_messaging::party_command::PartyAction;

use crate::coordinator::Coordinator;
use crate::house::{House, party, until};
use crate::keys::KEY;
use crate::order::Order;

#[tokio::test(flavor = "multi_thread")]
async fn any_two_of_three_parties_sign() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let _workers = house.start_all().await;
    for signers in [["alpha", "bravo"], ["alpha", "carol"], ["bravo", "carol"]] {
        let order = Order::sign(&house, &signers.join(" and "), "hello", &signers);
        coordinator.open(&order).await;
        coordinator.signature(&order).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_signs_for_its_own_path() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let _workers = house.start_all().await;
    for path in ["m/44/60/0/0/7", "m/0", "m/44/60/0/0/7"] {
        let jti = format!("{path} {}", coordinator.commands().len());
        let order = Order::sign_at(&house, &jti, path, "hello", &["bravo", "carol"]);
        let child = order.session.sign.as_ref().unwrap().public_key;
        assert_ne!(child, Hex(KEY.public_key));
        coordinator.open(&order).await;
        coordinator.signature(&order).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_signatures_run_at_once_without_asking_twice() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Arc::new(Coordinator::start(&house).await);
    let workers = house.start_all().await;
    let pairs = [["alpha", "bravo"], ["alpha", "carol"], ["bravo", "carol"]];
    let mut orders = Vec::new();
    for number in 0..24 {
        let order = Order::sign(&house, &format!("{number}"), "hello", &pairs[number % 3]);
        coordinator.open(&order).await;
        orders.push(order);
    }
    for order in &orders {
        coordinator.signature(order).await;
    }
    for (name, worker) in &workers {
        assert_eq!(worker.stats.attempts_aborted.get(), 0, "{name}");
        assert_eq!(worker.stats.frames_refused.get(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_repeated_until_it_is_answered() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let _workers = house.start_all().await;
    coordinator.be_deaf_to(3);
    let order = Order::sign(&house, "deaf", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    coordinator.signature(&order).await;
    let joins = coordinator
        .commands()
        .iter()
        .filter(|(_, command)| matches!(command.action, PartyAction::Join { .. }))
        .count();
    assert!(joins >= 4, "{joins}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_overtakes_its_invitation_is_remembered() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let mut workers = Vec::new();
    for name in ["alpha", "bravo"] {
        let one = house.start_with(name, |config| config.limits.early_starts = 1);
        workers.push(one.await);
    }
    let order = Order::sign(&house, "overtaken", "hello", &["alpha", "bravo"]);
    let other = Order::sign(&house, "another", "hello", &["alpha", "bravo"]);
    for id in [other.id(), order.id()] {
        let signers = order.session.signers.clone();
        let attempt = 1;
        coordinator
            .relay(id, &SessionEvent::SessionStarted { attempt, signers })
            .await;
    }
    // There is room for one, so the first is gone when the second is in.
    for worker in &workers {
        until("remembered", || worker.stats.events_dropped.get() == 1).await;
    }
    // This coordinator knows no such session and would start nothing, so that both
    // sign can only come of the start that they have heard.
    for name in ["alpha", "bravo"] {
        coordinator.invite(order.invitation(name, 1), name).await;
    }
    coordinator
        .wait("report", |this| {
            this.commands()
                .into_iter()
                .find(|(_, command)| matches!(command.action, PartyAction::Signature { .. }))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_takes_the_place_of_a_party_that_gives_up() {
    let house = House::new();
    house.seal_shares();
    // Bravo holds no share: its vault is another one.
    let vault = house.vault("bravo");
    let key = vault.keys().unwrap()[0].0;
    vault.discard_share(key, 1).unwrap();
    let coordinator = Coordinator::start(&house).await;
    let _workers = house.start_all().await;
    let order = Order::sign(&house, "spare", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    let next = coordinator
        .event(order.id(), "failed attempt", |event| match event {
            SessionEvent::AttemptFailed { next, .. } => Some(next.clone()),
            _ => None,
        })
        .await;
    assert_eq!(next, [party("alpha"), party("carol")]);
    let mut invitation = order.invitation("carol", 2);
    invitation.signers = next;
    coordinator.invite(invitation, "carol").await;
    coordinator.signature(&order).await;
}
