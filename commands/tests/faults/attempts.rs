//! Attempts that fail, and sessions that end without a result.

use countersign_domain::ids::{KeyId, PartyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::session::{AttemptFailure, SessionEvent};
use countersign_messaging::party_command::{AbortReason, PartyAction, PartyReply};
use serde_json::json;

use crate::support::{
    Client, Manner, Party, Replica, TestLog, World, create_key, digest, group_public_key, join,
    party, path_of, sign,
};

/// Alice with an active 2-of-3 key.
async fn stage(parties: u8) -> (World, Replica, Client, KeyId) {
    let world = World::new(parties).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    (world, replica, alice, key)
}

fn signers(body: &serde_json::Value) -> Vec<PartyId> {
    serde_json::from_value(body["signers"].clone()).expect("names")
}

async fn bans(world: &World, key: KeyId) -> usize {
    let history = world.history(key).await;
    history.iter().filter(|name| *name == "PairBanned").count()
}

async fn failures(world: &World, session: SessionId) -> Vec<SessionEvent> {
    let mut events = world.session_events(session).await;
    events.retain(|event| matches!(event, SessionEvent::AttemptFailed { .. }));
    events
}

/// Starts a signature to which nobody comes; who is asked first, and the spare.
async fn unattended(
    world: &World,
    replica: &Replica,
    alice: &Client,
    key: KeyId,
) -> (SessionId, Vec<PartyId>, PartyId) {
    world.parties.iter().for_each(|p| p.behave(Manner::Absent));
    let action = sign(key, "m");
    let token = alice.intent("s", action.clone());
    replica
        .post(&path_of(alice, &action), &token)
        .await
        .has_status(202);
    let session = SessionId::of(alice.account, "s");
    let created = &world.session_events(session).await[0];
    let SessionEvent::SessionCreated { session: asked } = created else {
        panic!("the first event is {created:?}");
    };
    let spare = (1..=3).map(party).find(|p| !asked.signers.contains(p));
    (session, asked.signers.clone(), spare.expect("one of three"))
}

fn of<'a>(world: &'a World, name: &PartyId) -> &'a Party {
    let found = world.parties.iter().find(|party| party.id() == name);
    found.expect("one of the world")
}

#[tokio::test]
async fn a_signer_that_does_not_come_is_left_out_for_a_spare() {
    let (world, replica, alice, key) = stage(3).await;
    let (session, first, spare) = unattended(&world, &replica, &alice, key).await;
    of(&world, &first[0]).behave(Manner::Honest);
    of(&world, &spare).behave(Manner::Honest);
    world.event(session, "ParticipantReady").await;
    world.advance(6, &replica, |_| true);
    let again = alice.intent("s", sign(key, "m"));
    let path = path_of(&alice, &sign(key, "m"));
    let answer = replica.wait(&path, &again).await.has_status(200);
    assert_eq!(answer.body["attempts"], 2);
    let mut expected = vec![first[0].clone(), spare.clone()];
    expected.sort();
    assert_eq!(signers(&answer.body), expected);
    let failed = SessionEvent::AttemptFailed {
        attempt: 1,
        reason: AttemptFailure::NotReady,
        culprits: vec![first[1].clone()],
        reporter: None,
        detail: String::new(),
        next: expected,
    };
    assert_eq!(failures(&world, session).await, [failed]);
}

#[tokio::test]
async fn a_signer_that_falls_silent_in_the_rounds_is_left_out_for_a_spare() {
    let (world, replica, alice, key) = stage(3).await;
    let (session, first, spare) = unattended(&world, &replica, &alice, key).await;
    let reason = AbortReason::Silence { round: 2 };
    of(&world, &first[0]).behave(Manner::Blames(first[1].clone(), reason));
    of(&world, &first[1]).behave(Manner::Silent);
    of(&world, &spare).behave(Manner::Honest);
    let path = path_of(&alice, &sign(key, "m"));
    let again = alice.intent("s", sign(key, "m"));
    let answer = replica.wait(&path, &again).await.has_status(200);
    assert_eq!(answer.body["attempts"], 2);
    assert!(signers(&answer.body).contains(&spare));
    let failed = &failures(&world, session).await[0];
    let SessionEvent::AttemptFailed {
        reason,
        culprits,
        reporter,
        ..
    } = failed
    else {
        unreachable!("they were chosen so");
    };
    assert_eq!(*reason, AttemptFailure::Silence { round: 2 });
    assert_eq!(
        (culprits, reporter),
        (&vec![first[1].clone()], &Some(first[0].clone()))
    );
    // Silence is no cheating: nobody is banned.
    assert_eq!(world.history(key).await, ["KeyRequested", "KeyActivated"]);
}

#[tokio::test]
async fn a_pair_of_which_one_cheated_never_signs_together_again_until_none_is_left() {
    let (world, replica, alice, key) = stage(3).await;
    for (n, (reporter, cheat)) in [(1, 2), (1, 3), (2, 3)].into_iter().enumerate() {
        world.parties.iter().for_each(|p| p.behave(Manner::Honest));
        let blame = Manner::Blames(party(cheat), AbortReason::Cheating);
        world.party(reporter).behave(blame);
        world.party(cheat).behave(Manner::Silent);
        for turn in 0..32 {
            let answer = replica
                .ask(&alice, &format!("s{n}-{turn}"), sign(key, "m"))
                .await;
            if n == 2 {
                // Nobody is left to take over.
                answer.is_problem(502, "session_failed", None);
                assert_eq!(answer.body["reason"], "not_enough_parties");
                break;
            }
            let used = signers(&answer.has_status(200).body);
            let met = used.contains(&party(reporter)) && used.contains(&party(cheat));
            assert!(!met, "what the two of them do together comes to nothing");
            if bans(&world, key).await > n {
                break;
            }
        }
        world.nth_event(key, "PairBanned", n + 1).await;
    }
    world.parties.iter().for_each(|p| p.behave(Manner::Honest));
    let head = world.head().await;
    let answer = replica.ask(&alice, "last", sign(key, "m")).await;
    answer.is_problem(409, "no_quorum", None);
    assert_eq!(world.head().await, head);
}

#[tokio::test]
async fn receipts_that_disagree_fail_the_session_and_retire_the_key() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    world.party(2).behave(Manner::OtherAuthKey);
    let answer = replica.ask(&alice, "k", create_key(2, 3)).await;
    answer.is_problem(502, "session_failed", None);
    assert_eq!(answer.header("preference-applied"), "wait=30");
    let session = SessionId::of(alice.account, "k");
    assert_eq!(answer.body["session_id"], json!(session));
    assert_eq!(answer.body["reason"], "receipts_disagree");
    let key = KeyId::of(session);
    assert_eq!(world.history(key).await, ["KeyRequested", "KeyRetired"]);
    let history = world.history(session).await;
    assert_eq!(history.last().map(String::as_str), Some("SessionFailed"));
    // And it does not sign.
    let refused = replica.ask(&alice, "s", sign(key, "m")).await;
    refused.is_problem(403, "key_not_active", None);
}

#[tokio::test]
async fn a_generation_in_which_one_cheats_retires_its_key_and_bans_nobody_on_it() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    world
        .party(1)
        .behave(Manner::Blames(party(3), AbortReason::Cheating));
    world.party(3).behave(Manner::Silent);
    let answer = replica.ask(&alice, "k", create_key(2, 3)).await;
    answer.is_problem(502, "session_failed", None);
    assert_eq!(answer.body["reason"], "not_enough_parties");
    let key = KeyId::of(SessionId::of(alice.account, "k"));
    // The ban was owed after the retirement, of which this is the answer.
    assert_eq!(world.history(key).await, ["KeyRequested", "KeyRetired"]);
}

#[tokio::test]
async fn a_session_to_which_nobody_comes_ends_by_its_deadline() {
    let (world, replica, alice, key) = stage(3).await;
    let (session, ..) = unattended(&world, &replica, &alice, key).await;
    world.advance(3600, &replica, |_| true);
    world.event(session, "SessionExpired").await;
    let action = sign(key, "m");
    let now = alice.intent("s", action.clone());
    let answer = replica.wait(&path_of(&alice, &action), &now).await;
    answer.is_problem(504, "session_expired", None);
    assert_eq!(answer.body["reason"], "expired");
}

#[tokio::test]
async fn a_session_is_called_off_in_the_middle() {
    let (world, replica, alice, key) = stage(3).await;
    world.parties.iter().for_each(|p| p.behave(Manner::Silent));
    let session = SessionId::of(alice.account, "s");
    let waiting = replica.ask(&alice, "s", sign(key, "m"));
    let cancelling = async {
        world.event(session, "SessionStarted").await;
        replica.ask(&alice, "c", Action::Cancel { session }).await
    };
    let (answer, cancelled) = tokio::join!(waiting, cancelling);
    let body = cancelled.has_status(200).body;
    assert_eq!(body["session_id"], json!(session));
    assert_eq!(body["status"], "cancelled");
    answer.is_problem(409, "session_cancelled", None);
    // What has ended cannot be called off again, nor joined, nor brought to a result.
    let refused = replica.ask(&alice, "c2", Action::Cancel { session }).await;
    refused.is_problem(409, "illegal_transition", None);
    let one = world
        .parties
        .iter()
        .find(|p| p.was_invited(session))
        .expect("a signer");
    let invitation = one.invitation(session).await;
    for action in [join(&invitation.token), one.signature(&invitation.session)] {
        let reply = one.tell(session, 1, action).await;
        assert!(
            matches!(reply, PartyReply::Refused { retry: false, .. }),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_deadline_for_getting_ready_does_not_hit_the_attempt_that_has_begun() {
    let (world, replica, alice, key) = stage(3).await;
    let log = TestLog::over(world.log.clone());
    let behind = world.replica_over(log.clone()).await;
    let (session, first, _) = unattended(&world, &replica, &alice, key).await;
    // The other replica sees the session created, and nothing after that.
    let name = &first[0];
    let invitation = of(&world, name).invitation(session).await;
    log.show_until(world.head().await);
    for party in &first {
        let invitation = of(&world, party).invitation(session).await;
        let reply = of(&world, party)
            .tell(session, 1, join(&invitation.token))
            .await;
        assert!(matches!(reply, PartyReply::Accepted { .. }), "{reply:?}");
    }
    world.event(session, "SessionStarted").await;
    // Past the time for getting ready, within the time for the rounds.
    let head = world.head().await;
    world.advance(6, &behind, |_| true);
    log.had_a_conflict().await;
    log.is_read_again(6).await;
    assert_eq!(
        world.head().await,
        head,
        "{:?}",
        world.history(session).await
    );
    let signature = of(&world, name).signature(&invitation.session);
    let reply = of(&world, name).tell(session, 1, signature).await;
    assert!(matches!(reply, PartyReply::Accepted { .. }), "{reply:?}");
    assert_eq!(failures(&world, session).await, []);
}

#[tokio::test]
async fn what_a_party_must_not_say_leaves_no_event() {
    let (world, replica, alice, key) = stage(4).await;
    let (session, first, spare) = unattended(&world, &replica, &alice, key).await;
    let (one, two) = (of(&world, &first[0]), of(&world, &first[1]));
    let (own, others) = (one.invitation(session).await, two.invitation(session).await);
    let head = world.head().await;
    let mut broken = one.command(session, 1, join(&own.token));
    *broken.last_mut().expect("bytes") ^= 1;
    let outsider = world.parties.iter().find(|p| {
        !own.session
            .participants
            .iter()
            .any(|i| i.member.identity.party == *p.id())
    });
    let outsider = outsider.expect("four parties, three members");
    let wrong: PartyAction = one.signature(&own.session);
    for (what, bytes) in [
        ("a bad signature", broken),
        ("junk", vec![7; 100]),
        ("nothing", vec![]),
        (
            "another's token",
            one.command(session, 1, join(&others.token)),
        ),
        (
            "another party",
            outsider.command(session, 1, join(&own.token)),
        ),
        (
            "a spare",
            of(&world, &spare).command(session, 1, join(&own.token)),
        ),
        (
            "a session that is not",
            one.command(SessionId::default(), 1, join(&own.token)),
        ),
        ("a result before the start", one.command(session, 1, wrong)),
    ] {
        let reply = replica.commands.party_command(&bytes).await;
        assert!(
            matches!(reply, PartyReply::Refused { retry: false, .. }),
            "{what}: {reply:?}"
        );
        assert_eq!(world.head().await, head, "{what}");
    }
    // Once is enough, and twice does no harm.
    for _ in 0..2 {
        let reply = one.tell(session, 1, join(&own.token)).await;
        let expected = PartyReply::Accepted { position: head + 2 };
        assert_eq!(reply, expected);
    }
    assert_eq!(world.head().await, head + 2);
    let reply = two.tell(session, 1, join(&others.token)).await;
    assert!(matches!(reply, PartyReply::Accepted { .. }), "{reply:?}");
    let mut forged = own.session.clone();
    if let Some(sign) = &mut forged.sign {
        sign.digest = digest("another message");
    }
    let head = world.head().await;
    let reply = one.tell(session, 1, one.signature(&forged)).await;
    assert!(
        matches!(reply, PartyReply::Refused { retry: false, .. }),
        "{reply:?}"
    );
    assert_eq!(world.head().await, head);
}

#[tokio::test]
async fn join_tokens_are_in_the_log_as_hashes_only() {
    use countersign_domain::bytes::Hex;
    use countersign_domain::session::token_hash;
    let (world, replica, alice, key) = stage(3).await;
    replica
        .ask(&alice, "s", sign(key, "m"))
        .await
        .has_status(200);
    let mut log = String::new();
    for event in world.events().await {
        log.push_str(&serde_json::to_string(&*event).expect("JSON"));
    }
    let mut seen = 0;
    for jti in ["key-2-3", "s"] {
        let session = SessionId::of(alice.account, jti);
        for party in world.parties.iter().filter(|p| p.was_invited(session)) {
            let invitation = party.invitation(session).await;
            let token = Hex(*invitation.token.0).to_string();
            assert!(!log.contains(&token));
            assert!(log.contains(&token_hash(&invitation.token.0).to_string()));
            let mut invitees = invitation.session.participants.iter();
            let own = invitees.find(|i| i.member.identity.party == *party.id());
            assert_eq!(
                own.expect("itself").token_hash,
                token_hash(&invitation.token.0)
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 3 + 2);
    assert!(log.contains(&group_public_key().to_string()));
}
