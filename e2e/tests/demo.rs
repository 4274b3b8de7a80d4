//! `countersign demo`, as a newcomer runs it, and as one mistypes it.

use std::path::Path;

use countersign_domain::bytes::{Hex, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::signature::ethereum_address;
use countersign_e2e::cli::{self, Ran};
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use serde_json::Value;

fn demo(folder: &Path, arguments: &[&str]) -> Ran {
    let arguments = [&["demo"], arguments].concat();
    cli::run(env!("CARGO_BIN_EXE_countersign"), folder, &arguments, &[])
}

fn demo_json(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = demo(folder.path(), &[&["--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "one object: {}", ran.stdout);
    ran.json()
}

fn keys(object: &Value) -> Vec<&str> {
    let fields = object.as_object().expect("an object");
    fields.keys().map(String::as_str).collect()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    let text = value.as_str().expect("hex");
    assert_eq!(text, text.to_lowercase());
    let parsed: Hex<N> = text.parse().expect("hex of the right length");
    assert_eq!(parsed.to_string(), text, "no prefix");
    parsed.0
}

/// Verifies a signature of the demo with nothing but k256.
fn check(signature: &Value) {
    let key = VerifyingKey::from_sec1_bytes(&bytes::<33>(&signature["public_key"])).expect("a key");
    let digest: [u8; 32] = bytes(&signature["digest"]);
    let (r, s): ([u8; 32], [u8; 32]) = (bytes(&signature["r"]), bytes(&signature["s"]));
    let parsed = Signature::from_scalars(r, s).expect("in range");
    key.verify_prehash(&digest, &parsed).expect("it verifies");
    assert_eq!(parsed.normalize_s(), parsed, "low s");
    assert_eq!(bytes::<64>(&signature["compact"]), [r, s].concat()[..]);
    let der = hex::decode(signature["der"].as_str().expect("hex")).expect("hex");
    assert_eq!(der, parsed.to_der().as_bytes());
    let v = u8::try_from(signature["v"].as_u64().expect("a number")).expect("small");
    let id = RecoveryId::from_byte(v).expect("a recovery id");
    assert!(v <= 1);
    let recovered = VerifyingKey::recover_from_prehash(&digest, &parsed, id).expect("a key");
    assert_eq!(recovered, key);
    let public_key = PublicKey::from(bytes::<33>(&signature["public_key"]));
    assert_eq!(
        signature["ethereum_address"],
        ethereum_address(&public_key).expect("a point")
    );
}

#[test]
fn the_json_has_every_field_and_its_signatures_verify() {
    let told = demo_json(&["--signatures", "2"]);
    let mut expected = vec![
        "account_id",
        "key_id",
        "engine",
        "threshold",
        "parties",
        "public_key",
        "ethereum_address",
        "signatures",
        "events",
        "head_position",
        "keygen_ms",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&told), expected);
    assert_eq!(
        (&told["threshold"], &told["parties"]),
        (&2.into(), &3.into())
    );
    assert_eq!(told["engine"], "dkls23");
    assert_eq!(told["events"], told["head_position"], "a log of its own");
    let signatures = told["signatures"].as_array().expect("signatures");
    assert_eq!(signatures.len(), 2);
    let mut expected = vec![
        "session_id",
        "signers",
        "digest",
        "public_key",
        "ethereum_address",
        "r",
        "s",
        "v",
        "compact",
        "der",
        "elapsed_ms",
    ];
    expected.sort_unstable();
    for signature in signatures {
        assert_eq!(keys(signature), expected);
        check(signature);
        assert_eq!(signature["public_key"], told["public_key"]);
        assert_eq!(signature["signers"].as_array().map(Vec::len), Some(2));
        let digest = HashScheme::Eip191.digest(b"hello from countersign");
        assert_eq!(signature["digest"], digest.to_string());
    }
    assert_ne!(signatures[0]["session_id"], signatures[1]["session_id"]);
}

#[test]
fn a_message_file_a_scheme_and_a_path_are_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("message"), b"pay\0bob").expect("a file");
    let told = demo(
        folder.path(),
        &[
            "--json",
            "--message-file",
            "message",
            "--hash",
            "sha256d",
            "--path",
            "m/44/60/0/0/7",
            "--threshold",
            "2",
            "--parties",
            "2",
        ],
    )
    .json();
    let signature = &told["signatures"][0];
    check(signature);
    let digest = HashScheme::Sha256d.digest(b"pay\0bob");
    assert_eq!(signature["digest"], digest.to_string());
    assert_ne!(signature["public_key"], told["public_key"], "the child's");
    assert_eq!(told["parties"], 2);
}

#[test]
fn a_digest_is_signed_as_it_is_and_the_log_stays_in_the_data_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let arguments = ["--json", "--digest", digest, "--data-dir", "kept"];
    let first = demo(folder.path(), &arguments).json();
    check(&first["signatures"][0]);
    assert_eq!(first["signatures"][0]["digest"], digest);
    let second = demo(folder.path(), &arguments).json();
    check(&second["signatures"][0]);
    assert_eq!(second["account_id"], first["account_id"]);
    assert_ne!(second["key_id"], first["key_id"]);
    let position = |told: &Value| told["head_position"].as_u64().expect("a position");
    let events = second["events"].as_u64().expect("a number");
    assert_eq!(position(&second), position(&first) + events);
}

#[test]
fn without_json_it_tells_a_story_with_the_timeline() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = demo(folder.path(), &["--message", "hi"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "2-of-3",
        "party-1, party-2, party-3",
        "\"hi\" (eip191)",
        "checked",
        "KeyActivated",
        "SessionCompleted",
        "countersign dev",
    ] {
        assert!(ran.stdout.contains(part), "{part} in: {}", ran.stdout);
    }
}

#[test]
fn bad_arguments_get_one_sentence_and_leave_nothing() {
    let short = "00ff";
    let cases: &[(&[&str], &str)] = &[
        (&["--threshold", "1"], "threshold must be at least 2"),
        (&["--threshold", "4"], "threshold 4 is above"),
        (&["--threshold", "2", "--parties", "33"], "at most 32"),
        (&["--hash", "md5"], "unknown hash scheme"),
        (&["--digest", short], "expected 32 bytes"),
        (&["--path", "m/44'/60"], "hardened"),
        (&["--path", "44/60"], "must look like"),
        (&["--message-file", "missing"], "cannot read missing"),
        (&["--message", "a", "--digest", short], "--"),
        (&["--signatures", "0"], "--signatures"),
        (&["--threshhold", "2"], "--threshold"),
        (&["--master-key", "abc"], "COUNTERSIGN_MASTER_KEY"),
    ];
    for (arguments, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let ran = demo(
            folder.path(),
            &[&["--data-dir", "data"], *arguments].concat(),
        );
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(
            ran.stderr.contains(expected),
            "{arguments:?}: {}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "", "{arguments:?}");
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "{arguments:?} left something behind");
    }
}
