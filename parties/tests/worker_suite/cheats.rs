//! Parties and outsiders that do not play by the rules.

use std::sync::Arc;

use countersign_domain::ids::PartyId;
use countersign_domain::roster::PartyIdentity;
use countersign_domain::session::{AttemptFailure, DeviceInfo, SessionCommand, SessionEvent};
use countersign_messaging::frame::{FrameKind, FrameSealer};
use countersign_messaging::party_command::{AbortReason, PartyAction};
use countersign_messaging::{IdentityKeys, subject};
use zeroize::Zeroizing;

use crate::coordinator::Coordinator;
use crate::house::{House, impatient, party};
use crate::order::{Order, token};

/// Has a party join that no worker plays.
async fn join_silently(coordinator: &Coordinator, house: &House, order: &Order, name: &str) {
    let command = SessionCommand::Join {
        party: party(name),
        token: Zeroizing::new(*token(order.id(), &party(name)).0),
        device: DeviceInfo {
            name: "nobody".to_owned(),
            version: "0".to_owned(),
        },
        ready: true,
        now: (house.clock)(),
    };
    coordinator.command(order.id(), command).await;
}

/// Waits for the end of an attempt: why, whose fault, in whose words.
async fn failure(
    coordinator: &Coordinator,
    order: &Order,
) -> (AttemptFailure, Vec<PartyId>, String) {
    let pick = |event: &SessionEvent| match event {
        SessionEvent::AttemptFailed {
            reason,
            culprits,
            detail,
            ..
        } => Some((*reason, culprits.clone(), detail.clone())),
        _ => None,
    };
    coordinator.event(order.id(), "failed attempt", pick).await
}

/// A frame of the first attempt in the name of `from`, whoever's keys these are.
fn frame(
    order: &Order,
    (from, keys): (&str, &Arc<IdentityKeys>),
    to: &PartyIdentity,
    (kind, round): (FrameKind, u8),
    body: &[u8],
) -> Vec<u8> {
    let sealer = FrameSealer::new(party(from), Arc::clone(keys));
    sealer.seal((order.id(), 1), to, kind, round, body).unwrap()
}

async fn send(coordinator: &Coordinator, order: &Order, to: &PartyId, frame: Vec<u8>) {
    let subject = subject::mpc(order.id(), 1, to);
    coordinator.publish(&subject, frame).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_signer_is_named_with_the_round() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let _alpha = house
        .start_with("alpha", |config| impatient(&mut config.limits))
        .await;
    let order = Order::sign(&house, "hello", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    join_silently(&coordinator, &house, &order, "bravo").await;
    let PartyAction::Abort {
        reason, culprits, ..
    } = coordinator.abort("alpha").await
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Silence { round: 1 });
    assert_eq!(culprits, [party("bravo")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_silent_party_of_a_key_generation_is_named() {
    let house = House::new();
    let coordinator = Coordinator::start(&house).await;
    let change = |config: &mut countersign_parties::worker::WorkerConfig| {
        impatient(&mut config.limits);
    };
    let _alpha = house.start_with("alpha", change).await;
    let _bravo = house.start_with("bravo", change).await;
    let order = Order::keygen(&house, "a key");
    coordinator.open(&order).await;
    join_silently(&coordinator, &house, &order, "carol").await;
    // Whoever says so first ends the attempt for the other.
    let (reason, culprits, _) = failure(&coordinator, &order).await;
    assert_eq!(reason, AttemptFailure::Silence { round: 1 });
    assert_eq!(culprits, [party("carol")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_frames_disturb_nobody() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    let order = Order::sign(&house, "hello", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    join_silently(&coordinator, &house, &order, "bravo").await;
    coordinator
        .wait("joins", |this| {
            let started = |event: &_| matches!(event, SessionEvent::SessionStarted { .. });
            this.events(order.id()).iter().any(started).then_some(())
        })
        .await;

    let to = house.roster.get(&party("alpha")).unwrap();
    let outsider = Arc::new(IdentityKeys::from_seed(&[3; 64]));
    let carol = Arc::new(house.keys("carol"));
    for round in 1..=3 {
        // Somebody who is nobody, in the name of the signer and in its own; a party of
        // the roster that is no signer, in both names too.
        for speaker in [
            ("bravo", &outsider),
            ("mallory", &outsider),
            ("bravo", &carol),
            ("carol", &carol),
        ] {
            let forged = frame(&order, speaker, to, (FrameKind::Data, round), &[1; 100]);
            send(&coordinator, &order, &to.party, forged).await;
        }
        send(&coordinator, &order, &to.party, vec![0; 300]).await;
    }
    // The real signer comes late, and finds alpha where it was. It knows of the
    // start from its invitation on.
    let bravo = house.start("bravo").await;
    coordinator
        .invite(order.invitation("bravo", 1), "bravo")
        .await;
    let signers = order.session.signers.clone();
    let start = SessionEvent::SessionStarted {
        attempt: 1,
        signers,
    };
    coordinator.relay(order.id(), &start).await;
    coordinator.signature(&order).await;
    assert_eq!(alpha.stats.frames_refused.get(), 15);
    assert_eq!(alpha.stats.attempts_aborted.get(), 0);
    assert_eq!(bravo.stats.attempts_aborted.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_sends_nonsense_is_named() {
    let house = House::new();
    house.seal_shares();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    let order = Order::sign(&house, "hello", "hello", &["alpha", "bravo"]);
    coordinator.open(&order).await;
    join_silently(&coordinator, &house, &order, "bravo").await;
    coordinator
        .wait("start", |_| {
            (alpha.stats.invitations_accepted.get() == 1).then_some(())
        })
        .await;
    let to = house.roster.get(&party("alpha")).unwrap();
    let bravo = ("bravo", &Arc::new(house.keys("bravo")));
    let nonsense = frame(&order, bravo, to, (FrameKind::Data, 1), &[1; 100]);
    send(&coordinator, &order, &to.party, nonsense).await;
    let PartyAction::Abort {
        reason, culprits, ..
    } = coordinator.abort("alpha").await
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Engine);
    assert_eq!(culprits, [party("bravo")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_confirms_another_key_keeps_it_from_being_made() {
    let house = House::new();
    let coordinator = Coordinator::start(&house).await;
    let workers = house.start_all().await;
    let mut order = Order::keygen(&house, "a key");
    order.session.max_attempts = 1;
    coordinator.open(&order).await;
    coordinator
        .wait("all to have joined", |this| {
            (this.commands().len() >= 3).then_some(())
        })
        .await;
    // Carol's own key signs a confirmation of something else. It comes first, and
    // the first counts.
    let keys = Arc::new(house.keys("carol"));
    for name in ["alpha", "bravo"] {
        let to = house.roster.get(&party(name)).unwrap();
        let lie = frame(&order, ("carol", &keys), to, (FrameKind::Confirm, 6), b"{}");
        send(&coordinator, &order, &to.party, lie).await;
    }
    let (reason, culprits, detail) = failure(&coordinator, &order).await;
    assert_eq!(reason, AttemptFailure::Cheating);
    assert_eq!(culprits, []);
    assert!(detail.contains("`carol`"), "{detail}");
    for (name, worker) in workers {
        worker.stop().await;
        // Carol's worker is honest and may have heard the same from both others.
        if name != "carol" {
            let share = house.vault(name).share(order.session.key, 1).unwrap();
            assert!(share.is_none(), "{name}");
        }
    }
}
