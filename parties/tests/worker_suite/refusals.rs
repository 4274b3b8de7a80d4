//! Everything that a party checks for itself, changed one at a time.

use chrono::Duration;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::Hex;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::{Action, Intent};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Roster, fingerprint};
use countersign_domain::session::{SessionInvitation, SessionKind};
use countersign_messaging::IdentityKeys;
use countersign_messaging::party_command::{AbortReason, PartyAction};
use std::sync::Arc;

use crate::coordinator::Coordinator;
use crate::house::{House, party};
use crate::order::{Order, auth_signer, sign_intent, stranger, token};

/// Sends alpha an invitation and waits for its refusal; gives the reason.
async fn refusal(house: &House, invitation: SessionInvitation) -> String {
    let coordinator = Coordinator::start(house).await;
    let alpha = house.start("alpha").await;
    let session = invitation.session.session;
    coordinator.invite(invitation, "alpha").await;
    let abort = coordinator.abort("alpha").await;
    for (_, command) in coordinator.commands() {
        assert_eq!(command.session, session);
        assert!(
            !matches!(command.action, PartyAction::Join { .. }),
            "joined what it refuses"
        );
    }
    assert_eq!(alpha.stats.invitations_refused.get(), 1);
    assert_eq!(alpha.stats.attempts_begun.get(), 0);
    alpha.stop().await;
    let PartyAction::Abort {
        reason,
        culprits,
        detail,
    } = abort
    else {
        panic!("not an abort");
    };
    assert_eq!(reason, AbortReason::Refused);
    assert_eq!(culprits, [party("alpha")]);
    detail
}

fn house() -> House {
    let house = House::new();
    house.seal_shares();
    house
}

fn signing(house: &House) -> Order {
    Order::sign(house, "hello", "hello", &["alpha", "bravo"])
}

/// Refuses a sign session with one thing changed, for this reason.
async fn refuses_sign(change: impl FnOnce(&mut SessionInvitation), reason: &str) {
    let house = house();
    let mut invitation = signing(&house).invitation("alpha", 1);
    change(&mut invitation);
    let detail = refusal(&house, invitation).await;
    assert!(detail.contains(reason), "{detail}");
}

/// Refuses a keygen session with one thing changed, for this reason.
async fn refuses_keygen(change: impl FnOnce(&mut SessionInvitation), reason: &str) {
    let house = House::new();
    let mut invitation = Order::keygen(&house, "a key").invitation("alpha", 1);
    change(&mut invitation);
    let detail = refusal(&house, invitation).await;
    assert!(detail.contains(reason), "{detail}");
}

fn other_keys(name: &str) -> countersign_domain::roster::PartyIdentity {
    IdentityKeys::from_seed(&[3; 64]).public(party(name))
}

#[tokio::test]
async fn a_peer_with_other_keys_than_the_pinned_ones() {
    let change = |invitation: &mut SessionInvitation| {
        let session = &mut invitation.session;
        session.participants[1].member.identity = other_keys("bravo");
        let members: Vec<_> = session
            .participants
            .iter()
            .map(|p| p.member.clone())
            .collect();
        session.roster = fingerprint(&members);
    };
    refuses_sign(change, "the roster that this party pins differs").await;
    refuses_sign(change, "`bravo`").await;
    refuses_keygen(change, "`bravo`").await;
}

#[tokio::test]
async fn a_party_that_pins_another_roster_than_everybody_else() {
    let house = House::new();
    let coordinator = Coordinator::start(&house).await;
    let mut parties = house.roster.parties().to_vec();
    parties[2] = other_keys("carol");
    let other = Arc::new(Roster::new(parties).unwrap());
    let _alpha = house.start_with("alpha", |c| c.roster = other).await;
    let order = Order::keygen(&house, "a key");
    coordinator.open(&order).await;
    let abort = coordinator.abort("alpha").await;
    let PartyAction::Abort { detail, .. } = abort else {
        panic!("not an abort");
    };
    assert!(
        detail.contains("roster") && detail.contains("`carol`"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_roster_fingerprint_of_other_members() {
    let change = |invitation: &mut SessionInvitation| invitation.session.roster = Hex([1; 32]);
    refuses_sign(change, "fingerprint").await;
}

#[tokio::test]
async fn a_sign_intent_by_another_key() {
    let house = house();
    let intent = sign_intent(&house, "hello", "m", "hello");
    // The invitation says that the stranger's key is the account's.
    let order = Order::of_sign(&house, &intent, &stranger(), &["alpha", "bravo"]);
    let detail = refusal(&house, order.invitation("alpha", 1)).await;
    assert!(
        detail.contains("not signed by the expected key"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_keygen_intent_by_another_key() {
    refuses_keygen(
        |invitation| {
            let intent = Intent::peek(&invitation.session.intent).unwrap();
            invitation.session.intent = intent.sign(&stranger()).unwrap();
        },
        "not signed by the expected key",
    )
    .await;
}

#[tokio::test]
async fn an_auth_key_that_the_account_is_not_named_after() {
    let swap = |invitation: &mut SessionInvitation, signer: &AuthSigner| {
        let intent = Intent::peek(&invitation.session.intent).unwrap();
        invitation.session.intent = intent.sign(signer).unwrap();
        invitation.auth_key = signer.public();
        invitation.session.auth_key = signer.public().thumbprint();
    };
    refuses_keygen(|i| swap(i, &stranger()), "named after").await;
}

#[tokio::test]
async fn a_digest_that_the_intent_does_not_have() {
    let change = |invitation: &mut SessionInvitation| {
        invitation.session.sign.as_mut().unwrap().digest = Hex([1; 32]);
    };
    refuses_sign(change, "digest").await;
}

#[tokio::test]
async fn a_public_key_that_is_not_the_child() {
    let change = |invitation: &mut SessionInvitation| {
        invitation.session.sign.as_mut().unwrap().public_key = Hex([2; 33]);
    };
    refuses_sign(change, "public key").await;
}

#[tokio::test]
async fn a_path_that_the_intent_does_not_have() {
    let change = |invitation: &mut SessionInvitation| {
        invitation.session.sign.as_mut().unwrap().path = "m/1".parse().unwrap();
    };
    refuses_sign(change, "derivation path").await;
}

#[tokio::test]
async fn a_hash_scheme_that_the_intent_does_not_have() {
    let change = |invitation: &mut SessionInvitation| {
        invitation.session.sign.as_mut().unwrap().hash = None;
    };
    refuses_sign(change, "hash scheme").await;
}

#[tokio::test]
async fn an_epoch_without_a_share() {
    refuses_sign(|i| i.session.epoch = 2, "no share of key").await;
    refuses_keygen(|i| i.session.epoch = 2, "epoch").await;
}

#[tokio::test]
async fn an_epoch_that_the_intent_does_not_have() {
    let house = house();
    let mut intent = sign_intent(&house, "hello", "m", "hello");
    let Action::Sign { epoch, .. } = &mut intent.action else {
        panic!("not a sign intent");
    };
    *epoch = 2;
    let order = Order::of_sign(&house, &intent, auth_signer(), &["alpha", "bravo"]);
    let detail = refusal(&house, order.invitation("alpha", 1)).await;
    assert!(detail.contains("epoch"), "{detail}");
}

#[tokio::test]
async fn a_key_that_this_party_has_no_share_of() {
    let other = KeyId::of(SessionId::default());
    refuses_sign(|i| i.session.key = other, "no share of key").await;
}

#[tokio::test]
async fn a_key_that_the_session_does_not_name() {
    let other = KeyId::of(SessionId::default());
    refuses_keygen(|i| i.session.key = other, "key id").await;
}

#[tokio::test]
async fn a_session_that_the_intent_does_not_name() {
    let change = |invitation: &mut SessionInvitation| {
        let session = &mut invitation.session;
        session.session = SessionId::default();
        for invitee in &mut session.participants {
            let own = token(session.session, &invitee.member.identity.party);
            invitee.token_hash = countersign_domain::session::token_hash(&own.0);
        }
        invitation.token = token(SessionId::default(), &party("alpha"));
    };
    refuses_sign(change, "session id").await;
}

#[tokio::test]
async fn an_expired_intent() {
    let house = house();
    let mut intent = sign_intent(&house, "hello", "m", "hello");
    intent.issued_at -= Duration::hours(1);
    intent.expires_at -= Duration::hours(1);
    let order = Order::of_sign(&house, &intent, auth_signer(), &["alpha", "bravo"]);
    let detail = refusal(&house, order.invitation("alpha", 1)).await;
    assert!(detail.contains("expired"), "{detail}");
}

#[tokio::test]
async fn an_expired_session() {
    refuses_sign(
        |i| i.session.expires_at -= Duration::hours(1),
        "the session expired",
    )
    .await;
}

#[tokio::test]
async fn a_keygen_intent_for_signing_and_the_other_way_round() {
    let house = house();
    let mut invitation = Order::keygen(&house, "a key").invitation("alpha", 1);
    let sign = sign_intent(&house, "a key", "m", "hello");
    let jws = sign.sign(auth_signer()).unwrap();
    let verified = Intent::verify(&jws, &auth_signer().public()).unwrap();
    invitation.session.intent = jws;
    invitation.session.intent_hash = verified.hash;
    let detail = refusal(&house, invitation).await;
    assert!(detail.contains("than a keygen session"), "{detail}");
}

#[tokio::test]
async fn another_quorum_than_the_intent_has() {
    let change = |i: &mut SessionInvitation| i.session.quorum = Quorum::new(3, 3).unwrap();
    refuses_keygen(change, "quorum").await;
    refuses_sign(change, "quorum").await;
}

#[tokio::test]
async fn a_signer_set_of_the_wrong_size_order_or_content() {
    let set = |names: &[&str]| names.iter().map(|name| party(name)).collect::<Vec<_>>();
    let all = set(&["alpha", "bravo", "carol"]);
    refuses_sign(|i| i.signers = all, "number").await;
    refuses_sign(|i| i.signers = set(&["alpha"]), "number").await;
    refuses_sign(|i| i.signers = set(&["bravo", "alpha"]), "order").await;
    refuses_sign(|i| i.signers = set(&["alpha", "alpha"]), "order").await;
    refuses_sign(|i| i.signers = set(&["bravo", "carol"]), "not one of them").await;
    refuses_sign(|i| i.signers = set(&["alpha", "mallory"]), "no share").await;
    refuses_keygen(|i| i.signers = set(&["alpha", "bravo"]), "number").await;
}

#[tokio::test]
async fn the_token_of_another_session_or_party() {
    let other = token(SessionId::default(), &party("alpha"));
    refuses_sign(|i| i.token = other, "join token").await;
    refuses_sign(
        |i| i.token = token(i.session.session, &party("bravo")),
        "join token",
    )
    .await;
}

#[tokio::test]
async fn a_kind_of_session_that_it_does_not_know() {
    refuses_sign(|i| i.session.kind = SessionKind::Refresh, "refresh").await;
}

#[tokio::test]
async fn bytes_that_are_no_invitation_are_dropped_in_silence() {
    let house = house();
    let coordinator = Coordinator::start(&house).await;
    let alpha = house.start("alpha").await;
    let subject = countersign_messaging::subject::invite(&party("alpha"));
    coordinator.publish(&subject, b"nonsense".to_vec()).await;
    let sealer = countersign_messaging::invitation::InvitationSealer::default();
    let recipient = house.roster.get(&party("alpha")).unwrap();
    let sealed = sealer.seal(recipient, b"{}").unwrap();
    coordinator.publish(&subject, sealed).await;
    let mut bad = signing(&house).invitation("alpha", 1);
    bad.session.epoch = 9;
    coordinator.invite(bad, "alpha").await;
    coordinator.abort("alpha").await;
    alpha.stop().await;
    assert_eq!(coordinator.commands().len(), 1);
}
