//! Commands of parties: their JSON, and who may send them.

use countersign_domain::bytes::Hex;
use countersign_domain::session::AttemptFailure;
use countersign_domain::signature::Signature;
use countersign_messaging::envelope::{self, EnvelopeError};
use countersign_messaging::party_command::{
    AbortReason, DeviceInfo, MAX_DETAIL, PartyAction, PartyCommand, PartyCommandError, PartyReply,
};
use insta::assert_json_snapshot;

use crate::fixture::{SESSION, parties};

const TOKEN: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

fn command(action: PartyAction) -> PartyCommand {
    PartyCommand {
        session: SESSION,
        attempt: 1,
        action,
    }
}

fn join() -> PartyAction {
    PartyAction::Join {
        token: TOKEN.to_owned(),
        device: DeviceInfo {
            name: "countersign".to_owned(),
            version: "0.1.0".to_owned(),
        },
        ready: true,
    }
}

fn abort(detail: &str) -> PartyAction {
    PartyAction::Abort {
        reason: AbortReason::Silence { round: 2 },
        culprits: vec!["bravo".parse().expect("a legal name")],
        detail: detail.to_owned(),
    }
}

fn receipt() -> PartyAction {
    PartyAction::Receipt {
        receipt: "header.payload.signature".to_owned(),
    }
}

fn signature() -> PartyAction {
    PartyAction::from(Signature {
        r: Hex([0x11; 32]),
        s: Hex([0x22; 32]),
        v: 1,
    })
}

#[test]
fn commands_keep_their_json() {
    assert_json_snapshot!("join", command(join()));
    assert_json_snapshot!("receipt", command(receipt()));
    assert_json_snapshot!("signature", command(signature()));
    assert_json_snapshot!("abort", command(abort("no message from bravo")));
    let reasons = [
        AbortReason::Silence { round: 1 },
        AbortReason::Cheating,
        AbortReason::Refused,
        AbortReason::Engine,
    ];
    assert_json_snapshot!("abort-reasons", reasons);
    // The domain's events use the same words.
    let failures = reasons.map(AttemptFailure::from);
    assert_eq!(
        serde_json::to_value(failures).unwrap(),
        serde_json::to_value(reasons).unwrap()
    );
}

#[test]
fn replies_keep_their_json() {
    let accepted = PartyReply::Accepted { position: 42 };
    let refused = PartyReply::Refused {
        code: "wrong_attempt".to_owned(),
        detail: "the session is in attempt 2".to_owned(),
        retry: false,
    };
    assert_json_snapshot!("accepted", accepted);
    assert_json_snapshot!("refused", refused);
    for reply in [accepted, refused] {
        assert_eq!(PartyReply::from_slice(&reply.to_payload()).unwrap(), reply);
    }
}

#[test]
fn a_signed_command_comes_out_with_its_party() {
    let p = parties();
    for action in [join(), receipt(), signature(), abort("why")] {
        let command = command(action);
        let bytes = command.sign(&p.alpha.id, &p.alpha.keys);
        let (party, opened) = PartyCommand::open(&bytes, &p.roster).unwrap();
        assert_eq!((party, opened), (p.alpha.id.clone(), command));
    }
}

#[test]
fn a_command_of_anybody_else_is_refused() {
    let p = parties();
    let forged = command(join()).sign(&p.alpha.id, &p.bravo.keys);
    assert!(matches!(
        PartyCommand::open(&forged, &p.roster),
        Err(PartyCommandError::Envelope(EnvelopeError::Signature { .. }))
    ));
    let stranger = command(join()).sign(&p.outsider.id, &p.outsider.keys);
    assert!(matches!(
        PartyCommand::open(&stranger, &p.roster),
        Err(PartyCommandError::Envelope(EnvelopeError::UnknownSender(_)))
    ));
    let body = serde_json::to_vec(&command(join())).unwrap();
    let other_purpose = envelope::sign("another", &p.alpha.id, &p.alpha.keys, body);
    assert!(PartyCommand::open(&other_purpose, &p.roster).is_err());
}

#[test]
fn a_signed_command_is_read_strictly() {
    let p = parties();
    let sign = |json: &serde_json::Value| {
        let body = serde_json::to_vec(json).unwrap();
        let tag = "countersign-party-command-v1";
        envelope::sign(tag, &p.alpha.id, &p.alpha.keys, body)
    };
    let honest = serde_json::to_value(command(abort("why"))).unwrap();
    assert!(PartyCommand::open(&sign(&honest), &p.roster).is_ok());

    let mut unknown = honest.clone();
    unknown["action"]["also"] = 1.into();
    let mut no_attempt = honest.clone();
    no_attempt.as_object_mut().unwrap().remove("attempt");
    for json in [unknown, no_attempt] {
        assert!(matches!(
            PartyCommand::open(&sign(&json), &p.roster),
            Err(PartyCommandError::Malformed { party, .. }) if party == p.alpha.id
        ));
    }

    let mut wordy = honest.clone();
    wordy["action"]["detail"] = "x".repeat(MAX_DETAIL + 1).into();
    let mut blaming = honest;
    blaming["action"]["culprits"] = vec!["bravo"; 33].into();
    let mut named = serde_json::to_value(command(join())).unwrap();
    named["action"]["device"]["name"] = "x".repeat(101).into();
    for (json, long) in [
        (wordy, "detail"),
        (blaming, "culprits"),
        (named, "device.name"),
    ] {
        assert!(matches!(
            PartyCommand::open(&sign(&json), &p.roster),
            Err(PartyCommandError::TooLong { field, .. }) if field == long
        ));
    }
}

#[test]
fn an_overlong_detail_is_cut_between_characters() {
    let p = parties();
    let bytes = command(abort(&"é".repeat(500))).sign(&p.alpha.id, &p.alpha.keys);
    let (_, opened) = PartyCommand::open(&bytes, &p.roster).unwrap();
    assert_eq!(opened.action, abort(&"é".repeat(MAX_DETAIL)));
}

#[test]
fn the_join_token_is_not_shown() {
    let shown = format!("{:?}", command(join()));
    assert!(shown.contains("countersign"), "{shown}");
    assert!(!shown.contains(&TOKEN[..8]), "{shown}");
}
