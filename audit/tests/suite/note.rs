//! Signed notes against the examples of their specification, and what is refused.

use countersign_audit::checkpoint::{Checkpoint, CheckpointFault, SignedCheckpoint};
use countersign_audit::note::{KeyError, KeyUse, SigningKey, VerifierKey};
use zeroize::Zeroizing;

use crate::tampered::{ORIGIN, log_key, other_key, signed};

/// The example of Go's package `golang.org/x/mod/sumdb/note`, from which C2SP's
/// signed-note descends.
const GO_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                       then you don't know what your problem is.\n";
const GO_SIGNATURE: &str = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv\
                            qfqdngotpRZb6KE6RyyBwJnAM=";

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64")
}

#[test]
fn keys_and_signatures_are_those_of_the_example() {
    let key = SigningKey::from_text(GO_SIGNER).expect("a key");
    assert_eq!(key.to_text().as_str(), GO_SIGNER);
    assert_eq!(key.verifier().to_string(), GO_VERIFIER);
    let verifier: VerifierKey = GO_VERIFIER.parse().expect("a key");
    assert_eq!(
        (verifier.name(), verifier.id()),
        ("PeterNeumann", 0xc74f_20a3)
    );
    // Four bytes of key id, then the signature.
    let signature = decoded(GO_SIGNATURE);
    assert_eq!(signature[..4], 0xc74f_20a3_u32.to_be_bytes());
    assert_eq!(
        verifier.verify(GO_TEXT.as_bytes(), &signature[4..]),
        Some(None)
    );
    assert_eq!(verifier.verify(b"other\n", &signature[4..]), None);
}

#[test]
fn a_checkpoint_is_signed_as_the_specification_has_it() {
    use ed25519_dalek::Verifier as _;
    let checkpoint = signed(3, [0xab; 32], &log_key());
    let note = checkpoint.to_string();
    let root = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
    let lines: Vec<_> = note.split('\n').collect();
    assert_eq!(lines[..4], [ORIGIN, "3", root, ""]);
    let encoded = lines[4]
        .strip_prefix(&format!("— {ORIGIN} "))
        .expect("a signature line");
    assert_eq!(lines[5..], [""]);
    let bytes = decoded(encoded);
    // Verified with nothing but the curve's own crate.
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    let signature = ed25519_dalek::Signature::from_slice(&bytes[4..]).expect("64 bytes");
    let text = format!("{ORIGIN}\n3\n{root}\n");
    key.verify(text.as_bytes(), &signature)
        .expect("it verifies");
    assert_eq!(SignedCheckpoint::parse(&note), Ok(checkpoint));
}

#[test]
fn extension_lines_are_signed_and_read_back() {
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size: 9,
        root: [1; 32],
        extensions: vec!["one".into(), "two 2".into()],
    };
    let signed = checkpoint.clone().sign(&log_key()).expect("a checkpoint");
    let read = SignedCheckpoint::parse(&signed.to_string()).expect("a checkpoint");
    assert_eq!(*read.checkpoint(), checkpoint);
    for extensions in [vec![String::new()], vec!["a\nb".to_owned()]] {
        let wrong = Checkpoint {
            extensions,
            ..checkpoint.clone()
        };
        assert_eq!(
            wrong.sign(&log_key()).expect_err("a line"),
            CheckpointFault::Text
        );
    }
}

#[test]
fn unknown_signatures_are_ignored_and_known_ones_must_be_right() {
    let mut note = signed(3, [1; 32], &log_key());
    note.cosign(&other_key(), 0);
    let log = log_key().verifier().clone();
    let other = other_key().verifier().clone();
    assert_eq!(
        note.verify(std::slice::from_ref(&log)),
        Ok(vec![ORIGIN.to_owned()])
    );
    assert_eq!(
        note.verify(&[log.clone(), other.clone()])
            .map(|it| it.len()),
        Ok(2)
    );
    assert_eq!(note.verify(&[]), Err(CheckpointFault::Unsigned));
    let third = SigningKey::new("third", &Zeroizing::new([9; 32])).expect("a name");
    let unknown = note.verify(std::slice::from_ref(third.verifier()));
    assert_eq!(unknown, Err(CheckpointFault::Unsigned));
    // The same signatures under another text.
    let text = note.to_string().replacen("\n3\n", "\n4\n", 1);
    let forged = SignedCheckpoint::parse(&text).expect("a checkpoint");
    let refused = CheckpointFault::Signature(ORIGIN.into());
    assert_eq!(forged.verify(&[log]), Err(refused));
}

#[test]
fn a_witness_signs_the_time_too() {
    use ed25519_dalek::Verifier as _;
    let witness = SigningKey::witness("witness.example", &Zeroizing::new([5; 32])).expect("a name");
    assert_eq!(witness.verifier().usage(), KeyUse::Cosignature);
    let mut note = signed(3, [1; 32], &log_key());
    let text = note.checkpoint().text().expect("a text");
    note.cosign(&witness, 1_679_315_147);
    let read = SignedCheckpoint::parse(&note.to_string()).expect("a checkpoint");
    let keys = [witness.verifier().clone()];
    let cosigned = read.cosignatures(&keys).expect("it verifies");
    assert_eq!(cosigned[0].time, 1_679_315_147);
    assert_eq!(cosigned[0].witness, "witness.example");
    // Made by hand from the specification: key id, time, signature over both.
    let last = note.to_string();
    let encoded = last.lines().last().and_then(|line| line.rsplit(' ').next());
    let bytes = decoded(encoded.expect("a line"));
    assert_eq!(bytes.len(), 4 + 8 + 64);
    assert_eq!(bytes[4..12], 1_679_315_147_u64.to_be_bytes());
    let message = format!("cosignature/v1\ntime 1679315147\n{text}");
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key();
    let signature = ed25519_dalek::Signature::from_slice(&bytes[12..]).expect("64 bytes");
    key.verify(message.as_bytes(), &signature)
        .expect("it verifies");
    // A later time is another signature.
    let mut other = bytes.clone();
    other[11] ^= 1;
    assert_eq!(keys[0].verify(text.as_bytes(), &other[4..]), None);
    // The witness's key does not make a checkpoint one of the log.
    let unsigned = read.verify(&[other_key().verifier().clone()]);
    assert_eq!(unsigned, Err(CheckpointFault::Unsigned));
}

#[test]
fn texts_that_are_no_keys_are_refused_with_the_reason() {
    let refused = |text: &str| text.parse::<VerifierKey>().expect_err("no key");
    let hash = GO_VERIFIER.replace("c74f20a3", "c74f20a4");
    assert_eq!(refused(&hash), KeyError::Hash);
    assert_eq!(
        refused(&GO_VERIFIER.replace("Peter", "Paul")),
        KeyError::Hash
    );
    assert_eq!(refused(GO_SIGNER), KeyError::Private);
    assert_eq!(refused(""), KeyError::Form);
    assert_eq!(refused("name+c74f20a3"), KeyError::Form);
    assert_eq!(refused("a b+c74f20a3+AQ=="), KeyError::Name);
    assert_eq!(refused("name+c74f20a3+Ag=="), KeyError::Algorithm(2));
    assert_eq!(refused("name+c74f20a3+AQ=="), KeyError::Bytes);
    let private = |text: &str| SigningKey::from_text(text).expect_err("no key");
    assert_eq!(private(GO_VERIFIER), KeyError::PrivateForm);
    assert_eq!(private(&GO_SIGNER.replace("Peter", "Paul")), KeyError::Hash);
    let entropy = Zeroizing::new([1; 32]);
    assert_eq!(
        SigningKey::new("a+b", &entropy).expect_err("a plus"),
        KeyError::Name
    );
}

#[test]
fn a_signing_key_does_not_show() {
    let key = SigningKey::from_text(GO_SIGNER).expect("a key");
    let shown = format!("{key:?}");
    assert!(shown.contains(GO_VERIFIER), "{shown}");
    assert!(!shown.contains("AYEKFALV"), "{shown}");
}

#[test]
fn texts_that_are_no_checkpoints_are_refused() {
    let note = signed(3, [1; 32], &log_key()).to_string();
    let refused = |text: &str| SignedCheckpoint::parse(text).expect_err("no checkpoint");
    for text in [
        "",
        "a\n",
        &note[..note.len() - 1],
        &note.replace("— ", "- "),
    ] {
        assert_eq!(refused(text), CheckpointFault::Note, "{text}");
    }
    for (from, to) in [
        ("\n3\n", "\n03\n"),
        ("\n3\n", "\n-3\n"),
        ("AQ", "A"),
        (ORIGIN, ""),
    ] {
        assert_eq!(
            refused(&note.replacen(from, to, 1)),
            CheckpointFault::Text,
            "{to}"
        );
    }
}
