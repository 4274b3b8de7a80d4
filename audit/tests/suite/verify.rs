//! What a verified log says of itself, and what is asked of its checkpoints.

use countersign_audit::SigningKey;
use countersign_audit::checkpoint::CheckpointFault;
use countersign_audit::verify::{Depth, Reason, Trust, WitnessedThrough};
use zeroize::Zeroizing;

use crate::history::History;
use crate::tampered::{Bundle, heal, log_key, other_key, pinned, signed};

#[test]
fn a_history_of_everything_verifies_and_is_summed_up() {
    let events = History::of_everything().events;
    let size = events.len() as u64;
    let bundle = Bundle::of(&events, &[0, 10, size]);
    let summary = bundle.verify(&pinned(), Depth::Meaning).expect("no fault");
    assert_eq!((summary.events, summary.signed_through), (size, size));
    assert_eq!(
        (summary.accounts, summary.keys, summary.sessions),
        (2, 2, 8)
    );
    assert_eq!(summary.streams, 2 + 2 + 8);
    assert_eq!(summary.checkpoints, 3);
    assert_eq!(summary.unsigned_events, 0);
    assert_eq!(summary.root, bundle.footer.root);
    assert_eq!(summary.signed_by, [log_key().verifier().name()]);
    assert!(summary.pinned && summary.remarks.is_empty(), "{summary:?}");
    // Intents: 2 registrations, 2 key generations with 2 events each, 6 signatures, 1
    // cancellation, 2 of the key, 2 of the account. Receipts: 3 reported, 3 activating.
    // Signatures: 4.
    assert_eq!(summary.signatures, (2 + 4 + 6 + 1 + 2 + 2) + (3 + 3) + 4);
    let shallow = bundle
        .verify(&pinned(), Depth::Structure)
        .expect("no fault");
    assert_eq!((shallow.root, shallow.signatures), (summary.root, 0));
}

#[test]
fn without_a_pinned_key_the_summary_says_so() {
    let bundle = Bundle::of(&History::short().events, &[17]);
    let summary = bundle
        .verify(&Trust::default(), Depth::Meaning)
        .expect("no fault");
    assert!(!summary.pinned);
    assert!(
        summary
            .remarks
            .iter()
            .any(|it| it.starts_with("not pinned"))
    );
}

#[test]
fn events_after_the_newest_checkpoint_are_told_of() {
    let bundle = Bundle::of(&History::short().events, &[5]);
    let summary = bundle.verify(&pinned(), Depth::Meaning).expect("no fault");
    assert_eq!(summary.signed_through, 5);
    assert_eq!(summary.unsigned_events, bundle.size() - 5);
    assert!(
        summary.remarks[0].contains("after position 5"),
        "{summary:?}"
    );
}

fn reason(bundle: &Bundle, trust: &Trust) -> Reason {
    let fault = bundle.verify(trust, Depth::Meaning).expect_err("a fault");
    fault.reason
}

#[test]
fn a_log_without_checkpoints_is_not_vouched_for() {
    let bundle = Bundle::of(&History::short().events, &[]);
    assert_eq!(reason(&bundle, &pinned()), Reason::NoCheckpoint);
}

#[test]
fn every_checkpoint_must_be_by_a_pinned_key() {
    let mut bundle = Bundle::of(&History::short().events, &[5]);
    bundle.checkpoints.push(bundle.checkpoint(17, &other_key()));
    bundle.header.keys.push(other_key().verifier().clone());
    bundle.close();
    let refused = Reason::Checkpoint {
        size: Some(17),
        fault: CheckpointFault::Unsigned,
    };
    assert_eq!(reason(&bundle, &pinned()), refused);
    let mut both = pinned();
    both.keys.push(other_key().verifier().clone());
    assert_eq!(
        bundle
            .verify(&both, Depth::Meaning)
            .expect("both")
            .signed_through,
        17
    );
}

#[test]
fn the_log_must_extend_what_was_seen_before() {
    let history = History::short();
    let whole = Bundle::of(&history.events, &[17]);
    let seen = |size, root| Trust {
        seen: vec![signed(size, root, &log_key())],
        ..pinned()
    };
    let before = whole.checkpoint(9, &log_key()).checkpoint().root;
    let summary = whole
        .verify(&seen(9, before), Depth::Meaning)
        .expect("it extends");
    assert_eq!(summary.checkpoints, 2);
    assert_eq!(reason(&whole, &seen(9, [9; 32])), Reason::Root { size: 9 });
    let short = Bundle::of(&history.events[..8], &[8]);
    let rolled_back = Reason::RolledBack { size: 9, events: 8 };
    // Cut off within an append, it is found sooner.
    assert_eq!(
        short
            .verify(&seen(9, before), Depth::Structure)
            .expect_err("cut off")
            .reason,
        rolled_back
    );
    // Nobody else's word counts.
    let stranger = Trust {
        seen: vec![signed(9, before, &other_key())],
        ..pinned()
    };
    let refused = Reason::Checkpoint {
        size: Some(9),
        fault: CheckpointFault::Unsigned,
    };
    assert_eq!(reason(&whole, &stranger), refused);
}

#[test]
fn witnesses_are_asked_for_by_name() {
    let witness =
        |name, seed| SigningKey::witness(name, &Zeroizing::new([seed; 32])).expect("name");
    let (one, two) = (witness("one.example", 1), witness("two.example", 2));
    let mut bundle = Bundle::of(&History::short().events, &[5, 9, 17]);
    bundle.checkpoints[0].cosign(&one, 100);
    bundle.checkpoints[1].cosign(&one, 200);
    let asked = |key: &SigningKey| Trust {
        witnesses: vec![key.verifier().clone()],
        ..pinned()
    };
    let summary = bundle
        .verify(&asked(&one), Depth::Meaning)
        .expect("cosigned");
    let through = WitnessedThrough {
        witness: "one.example".into(),
        through: 9,
        time: 200,
    };
    assert_eq!(summary.witnesses, [through]);
    assert_eq!(
        reason(&bundle, &asked(&two)),
        Reason::Witness("two.example".into())
    );
    // Its word for another checkpoint.
    let note = bundle.checkpoints[0].to_string();
    let moved = bundle.checkpoints[2].to_string() + note.lines().last().expect("a line") + "\n";
    bundle.checkpoints[2] = countersign_audit::SignedCheckpoint::parse(&moved).expect("a note");
    let refused = Reason::Checkpoint {
        size: Some(17),
        fault: CheckpointFault::Signature("one.example".into()),
    };
    assert_eq!(reason(&bundle, &asked(&one)), refused);
}

#[test]
fn the_first_fault_by_position_is_the_one_that_is_told() {
    // A wrong signature, and after it an event out of order.
    let mut events = History::short().events;
    let completed = |it: &countersign_event_store::Envelope| it.event_type == "ParticipantReported";
    let at = events.iter().rposition(completed).expect("a report");
    let flipped = events[at].payload["report"]["r"]
        .as_str()
        .expect("hex")
        .replace('0', "1");
    events[at].payload["report"]["r"] = flipped.clone().into();
    events[at + 1].payload["signature"]["r"] = flipped.into();
    heal(&mut events);
    let more = events[0].clone();
    events.push(more);
    let bundle = Bundle::of(&events, &[events.len() as u64]);
    for _ in 0..20 {
        let fault = bundle
            .verify(&pinned(), Depth::Meaning)
            .expect_err("a fault");
        assert_eq!(fault.position, events[at].position);
        assert_eq!(fault.reason.code(), "signature");
        let event = fault.event.as_ref().expect("an event");
        assert_eq!(event.event_type, "ParticipantReported");
        assert_eq!(event.stream, events[at].stream.to_string());
    }
    let fault = bundle
        .verify(&pinned(), Depth::Structure)
        .expect_err("a fault");
    assert_eq!(fault.position, 1, "the copy of the first event: {fault}");
}

#[test]
fn header_and_footer_must_say_what_is_there() {
    let events = History::short().events;
    let found = events.len() as u64;
    let whole = Bundle::of(&events, &[found]);
    let with = |change: fn(&mut Bundle)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        reason(&bundle, &pinned())
    };
    let more = Reason::Count {
        announced: found + 1,
        found,
    };
    assert_eq!(with(|it| it.header.to += 1), more);
    assert_eq!(with(|it| it.footer.events += 1), more);
    assert_eq!(with(|it| it.footer.root[0] ^= 1), Reason::FooterRoot);
    assert_eq!(
        with(|it| it.footer.checkpoints += 1),
        Reason::Checkpoints {
            announced: 2,
            given: 1
        }
    );
}
