use countersign_domain::bytes::Hex;
use countersign_domain::session::SessionEvent;
use countersign_messaging::party_command::{AbortReason, PartyAction};

use crate::coordinator::Coordinator;
use crate::house::{House, party};
use crate::order::{Order, auth_signer, sign_intent};

const PAIR: [&str; 2] = ["alpha", "bravo"];

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_begun_before_a_restart_is_not_begun_again() {
    let mut house = House::new();
    house.seal_shares();
    let order = Order::sign(&house, "hello", "hello", &PAIR);
    let digest = order.session.sign.as_ref().unwrap().digest;
    house
        .vault("alpha")
        .begin_attempt(order.id(), 1, digest, Hex([0; 32]))
        .unwrap();
    house.reopen("alpha");
    let coordinator = Coordinator::start(&house).await;
    let _workers = house.start_all().await;
    coordinator.open(&order).await;
    let abort = coordinator.abort("alpha").await;
    let PartyAction::Abort {
        reason,
        culprits,
        detail,
    } = abort
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Engine);
    assert_eq!(culprits, []);
    assert!(detail.contains("was begun before"), "{detail}");
    // The next attempt is another one, and may begin.
    coordinator.signature(&order).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_never_begun_for_a_second_digest() {
    let house = House::new();
    house.seal_shares();
    let order = Order::sign(&house, "hello", "hello", &PAIR);
    let digest = order.session.sign.as_ref().unwrap().digest;
    house
        .vault("alpha")
        .begin_attempt(order.id(), 1, digest, Hex([0; 32]))
        .unwrap();
    // The account signed a second body under the same name.
    let intent = sign_intent(&house, "hello", "m", "goodbye");
    let second = Order::of_sign(&house, &intent, auth_signer(), &PAIR);
    assert_eq!(second.id(), order.id());
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    let _bravo = house.start("bravo").await;
    coordinator.open(&second).await;
    let abort = coordinator.abort("alpha").await;
    let PartyAction::Abort { reason, detail, .. } = abort else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Refused);
    assert!(detail.contains("another digest"), "{detail}");
    assert_eq!(alpha.stats.attempts_begun.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_session_gets_the_same_signature_without_a_ceremony() {
    let mut house = House::new();
    house.seal_shares();
    let order = Order::sign(&house, "hello", "hello", &PAIR);
    let first = {
        let coordinator = Coordinator::start(&house).await;
        let workers = house.start_all().await;
        coordinator.open(&order).await;
        let signature = coordinator.signature(&order).await;
        for worker in workers.into_values() {
            worker.stop().await;
        }
        coordinator.stop().await;
        signature
    };
    let signer = PAIR
        .into_iter()
        .find(|name| house.vault(name).finished(order.id()).unwrap().is_some())
        .unwrap();
    house.reopen(signer);
    // A coordinator that has lost the report, and a party that is alone.
    let coordinator = Coordinator::start(&house).await;
    let worker = house.start(signer).await;
    coordinator.create(&order);
    coordinator
        .invite(order.invitation(signer, 1), signer)
        .await;
    let reported = coordinator
        .wait("report", |this| {
            this.commands()
                .into_iter()
                .find_map(|(_, c)| match c.action {
                    PartyAction::Signature { r, s, v } => Some((r, s, v)),
                    _ => None,
                })
        })
        .await;
    assert_eq!(reported, (first.r, first.s, first.v));
    assert_eq!(worker.stats.attempts_begun.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_handed_in_again_and_its_share_outlives_another_attempt() {
    let house = House::new();
    let order = Order::keygen(&house, "a key");
    let completed = |event: &SessionEvent| match event {
        SessionEvent::SessionCompleted { public_key, .. } => Some(*public_key),
        SessionEvent::SessionFailed { detail, .. } => panic!("failed: {detail}"),
        _ => None,
    };
    let public_key = {
        let coordinator = Coordinator::start(&house).await;
        let workers = house.start_all().await;
        coordinator.open(&order).await;
        let public_key = coordinator.event(order.id(), "key", completed).await;
        for worker in workers.into_values() {
            worker.stop().await;
        }
        coordinator.stop().await;
        public_key
    };

    // A coordinator that has lost all reports asks for the same key again.
    let coordinator = Coordinator::start(&house).await;
    let workers = house.start_all().await;
    coordinator.open(&order).await;
    assert_eq!(
        coordinator.event(order.id(), "key", completed).await,
        public_key
    );
    for (name, worker) in workers {
        assert_eq!(worker.stats.attempts_begun.get(), 0, "{name}");
        worker.stop().await;
    }
    coordinator.stop().await;

    // One that says the first attempt failed would have the share thrown away.
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    coordinator.create(&order);
    coordinator
        .invite(order.invitation("alpha", 1), "alpha")
        .await;
    let signers = order.session.signers.clone();
    let start = SessionEvent::SessionStarted {
        attempt: 2,
        signers,
    };
    coordinator
        .wait("join", |this| (!this.commands().is_empty()).then_some(()))
        .await;
    coordinator.relay(order.id(), &start).await;
    let PartyAction::Abort {
        reason, culprits, ..
    } = coordinator.abort("alpha").await
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Refused);
    assert_eq!(culprits, [party("alpha")]);
    alpha.stop().await;
    let (record, _) = house
        .vault("alpha")
        .share(order.session.key, 1)
        .unwrap()
        .unwrap();
    assert_eq!(record.public_key, public_key);
}
