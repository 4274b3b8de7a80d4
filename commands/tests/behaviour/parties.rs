//! What parties may say.

use std::time::Duration;

use countersign_domain::bytes::Hex;
use countersign_domain::session::SessionInvitation;
use countersign_messaging::party_command::{
    AbortReason, DeviceInfo, PartyAction, PartyCommand, PartyReply,
};
use countersign_messaging::{Bus as _, subject};

use crate::support::{Conduct, Replica, World, events_of};

/// The invitation of p1 to a generation that nobody has joined yet.
async fn invited(world: &World, replica: &Replica) -> SessionInvitation {
    let alice = world.account(replica, "alice").await;
    world.let_all(&Conduct::Absent);
    world.pass(Duration::from_secs(60)).await;
    world.present(&["p1", "p2"]);
    let subject = subject::invite(&"p1".parse().unwrap());
    let mut invitations = world.bus.subscribe(&subject).await.unwrap();
    let token = alice.create_key(2, 2);
    let started = replica.post(&alice.keys_path(), &token).await;
    assert_eq!(started.status, 202, "{}", started.body);
    world.invitation("p1", &mut invitations).await
}

fn join(invitation: &SessionInvitation) -> PartyCommand {
    PartyCommand {
        session: invitation.session.session,
        attempt: invitation.attempt,
        action: PartyAction::Join {
            token: Hex(*invitation.token.0).to_string(),
            device: DeviceInfo {
                name: "test".to_owned(),
                version: "1".to_owned(),
            },
            ready: true,
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_party_joins_once_however_often_it_says_so() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let invitation = invited(&world, &replica).await;
    let bytes = world.signed("p1", &join(&invitation));

    let first = replica.commands.party_command(&bytes).await;
    let head = world.head().await;
    let second = replica.commands.party_command(&bytes).await;

    assert_eq!(first, PartyReply::Accepted { position: head });
    assert_eq!(second, first);
    assert_eq!(world.head().await, head);
    let events = world.events().await;
    let joined = events_of(&events, "ParticipantJoined");
    let ready = events_of(&events, "ParticipantReady");
    assert_eq!((joined.len(), ready.len()), (1, 1));
    assert_eq!(joined[0].position + 1, ready[0].position, "one append");
}

#[tokio::test(start_paused = true)]
async fn what_a_party_must_not_say_is_refused_for_good() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let invitation = invited(&world, &replica).await;
    let honest = join(&invitation);
    let with = |action| PartyCommand {
        action,
        ..honest.clone()
    };
    let PartyAction::Join { device, .. } = honest.action.clone() else {
        unreachable!("join makes joins")
    };
    let token = |token: &str| PartyAction::Join {
        token: token.to_owned(),
        device: device.clone(),
        ready: true,
    };
    let mut forged = world.signed("p1", &honest);
    *forged.last_mut().unwrap() ^= 1;
    let elsewhere = PartyCommand {
        session: Default::default(),
        ..honest.clone()
    };
    let blame = PartyAction::Abort {
        reason: AbortReason::Cheating,
        culprits: vec!["p2".parse().unwrap()],
        detail: String::new(),
    };
    let receipt = PartyAction::Receipt {
        receipt: "a.b.c".to_owned(),
    };
    let head = world.head().await;

    for (what, bytes) in [
        ("another's token", world.signed("p2", &honest)),
        (
            "a wrong token",
            world.signed("p1", &with(token(&"00".repeat(32)))),
        ),
        ("no token", world.signed("p1", &with(token("token")))),
        ("not invited", world.signed("p3", &honest)),
        ("forged", forged),
        ("garbage", b"garbage".to_vec()),
        ("another session", world.signed("p1", &elsewhere)),
        ("before the start", world.signed("p1", &with(receipt))),
        ("blame before the start", world.signed("p1", &with(blame))),
    ] {
        let reply = replica.commands.party_command(&bytes).await;
        assert!(
            matches!(reply, PartyReply::Refused { retry: false, .. }),
            "{what}: {reply:?}"
        );
    }
    assert_eq!(world.head().await, head);
}

#[tokio::test(start_paused = true)]
async fn a_party_may_come_back_when_the_log_cannot_be_used() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let invitation = invited(&world, &replica).await;
    world.log.close().await.unwrap();

    let bytes = world.signed("p1", &join(&invitation));
    let reply = replica.commands.party_command(&bytes).await;

    assert!(
        matches!(reply, PartyReply::Refused { retry: true, .. }),
        "{reply:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_party_that_refuses_a_generation_ends_it() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let invitation = invited(&world, &replica).await;
    let refusal = PartyCommand {
        action: PartyAction::Abort {
            reason: AbortReason::Refused,
            culprits: vec![],
            detail: "another roster".to_owned(),
        },
        ..join(&invitation)
    };

    let reply = replica
        .commands
        .party_command(&world.signed("p1", &refusal))
        .await;

    assert!(matches!(reply, PartyReply::Accepted { .. }), "{reply:?}");
    let events = world.until_events("KeyRetired", 1).await;
    let failed = events_of(&events, "SessionFailed")[0];
    assert_eq!(failed.payload["reason"], "refused");
    let retired = events_of(&events, "KeyRetired")[0].payload["reason"].clone();
    assert!(
        retired.as_str().unwrap().contains("another roster"),
        "{retired}"
    );
}
