use countersign_domain::receipt;
use countersign_domain::session::{Report, SessionEvent};
use countersign_messaging::progress::{Phase, ProgressBoard};

use crate::coordinator::Coordinator;
use crate::house::{House, NAMES, party};
use crate::order::{Order, account, auth_signer};

/// Waits for a key and gives the receipts in the order of the members.
async fn made(coordinator: &Coordinator, order: &Order) -> Vec<String> {
    coordinator
        .event(order.id(), "key", |event| match event {
            SessionEvent::SessionCompleted { .. } => Some(()),
            SessionEvent::SessionFailed { detail, .. } => panic!("failed: {detail}"),
            _ => None,
        })
        .await;
    let events = coordinator.events(order.id());
    let receipt_of = |name: &str| {
        events.iter().find_map(|event| match event {
            SessionEvent::ParticipantReported {
                party: from,
                report: Report::Receipt { receipt },
                ..
            } if *from == party(name) => Some(receipt.clone()),
            _ => None,
        })
    };
    NAMES.iter().map(|name| receipt_of(name).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_parties_make_a_key_and_two_of_them_sign_with_it() {
    let house = House::new();
    let coordinator = Coordinator::start(&house).await;
    let board = std::sync::Arc::new(ProgressBoard::new(house.roster.clone()));
    let (watched, bus) = (board.clone(), house.bus.clone());
    tokio::spawn(async move { watched.follow(&*bus).await });
    let workers = house.start_all().await;

    let order = Order::keygen(&house, "a key");
    coordinator.open(&order).await;
    let receipts = made(&coordinator, &order).await;

    let statement = receipt::agree(&receipts, &house.members()).unwrap();
    assert_eq!(statement.key, order.session.key);
    assert_eq!(statement.account, account());
    assert_eq!(statement.auth_key, auth_signer().public().thumbprint());
    for (name, receipt) in NAMES.iter().zip(&receipts) {
        let (record, _) = house.vault(name).share(statement.key, 1).unwrap().unwrap();
        assert_eq!(record.public_key, statement.public_key);
        assert_eq!(record.chain_code, statement.chain_code);
        assert_eq!(record.receipt.as_ref(), Some(receipt));
        assert_eq!(workers[name].stats.attempts_done.get(), 1);
    }
    let phases = board.of(order.id());
    assert_eq!(phases.len(), 3, "{phases:?}");
    assert!(
        phases.iter().all(|at| at.phase >= Phase::Sealing),
        "{phases:?}"
    );

    let mut sign = Order::sign(&house, "first use", "hello", &["alpha", "carol"]);
    let mut intent = crate::order::sign_intent(&house, "first use", "m", "hello");
    let countersign_domain::intent::Action::Sign { key, .. } = &mut intent.action else {
        panic!("not a sign intent");
    };
    *key = statement.key;
    let token = intent.sign(auth_signer()).unwrap();
    let verified =
        countersign_domain::intent::Intent::verify(&token, &auth_signer().public()).unwrap();
    sign.session.key = statement.key;
    sign.session.intent = token;
    sign.session.intent_hash = verified.hash;
    sign.session.sign.as_mut().unwrap().public_key = statement.public_key;
    coordinator.open(&sign).await;
    coordinator.signature(&sign).await;
}
