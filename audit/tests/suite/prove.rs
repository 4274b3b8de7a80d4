//! Proofs of single events as documents.

use countersign_audit::{InclusionDocument, NoProof, ProofFault, prove_from_bundle};
use ct_merkle::RootHash;
use sha2::Sha256;

use crate::bundle::{long, written};
use crate::tampered::{Bundle, log_key, other_key};

fn proof(position: u64, sizes: &[u64]) -> Result<InclusionDocument, NoProof> {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = Bundle::of(&long(13), sizes);
    let path = written(&bundle, &folder.path().join("bundle"));
    prove_from_bundle(&path, position)
}

#[test]
fn another_implementation_takes_the_document() {
    let events = long(13);
    for position in 1..=13 {
        let document = proof(position, &[5, 13]).expect("a proof");
        let text = serde_json::to_string(&document).expect("JSON");
        let read: InclusionDocument = serde_json::from_str(&text).expect("a document");
        assert_eq!(read, document);
        let event = read
            .verify(&[log_key().verifier().clone()])
            .expect("it proves");
        assert_eq!(event, events[usize::try_from(position).expect("small") - 1]);
        // With nothing of ours: the size and root from the note's lines.
        let lines: Vec<_> = read.checkpoint.lines().collect();
        let size: u64 = lines[1].parse().expect("a size");
        use base64::Engine as _;
        let root = base64::engine::general_purpose::STANDARD
            .decode(lines[2])
            .expect("base64");
        let root: [u8; 32] = root.try_into().expect("32 bytes");
        let root = RootHash::<Sha256>::new(root.into(), size);
        let path: Vec<u8> = read.inclusion.path.concat();
        let theirs = ct_merkle::InclusionProof::try_from_bytes(path).expect("whole hashes");
        let leaf = read.event.into_bytes();
        root.verify_inclusion(&leaf, position - 1, &theirs)
            .expect("it proves");
    }
}

#[test]
fn what_no_checkpoint_covers_has_no_proof() {
    for position in [0, 6, 14] {
        let error = proof(position, &[5]).expect_err("not covered").to_string();
        assert!(error.contains("over 5 events"), "{error}");
    }
    assert!(matches!(proof(1, &[]), Err(NoProof::NoCheckpoint)));
}

#[test]
fn a_changed_document_proves_nothing() {
    let document = proof(3, &[13]).expect("a proof");
    let keys = [log_key().verifier().clone()];
    let refused = |change: &dyn Fn(&mut InclusionDocument)| {
        let mut changed = document.clone();
        change(&mut changed);
        changed.verify(&keys).expect_err("changed")
    };
    assert_eq!(refused(&|it| it.version = 2), ProofFault::Document);
    assert_eq!(refused(&|it| it.position = 4), ProofFault::Event);
    assert_eq!(refused(&|it| it.inclusion.index = 3), ProofFault::Event);
    assert_eq!(refused(&|it| it.leaf_hash[0] ^= 1), ProofFault::Event);
    let actor = |it: &mut InclusionDocument| it.event = it.event.replace("test", "me");
    assert_eq!(refused(&actor), ProofFault::Event);
    assert!(matches!(
        refused(&|it| it.inclusion.size = 12),
        ProofFault::Proof(_)
    ));
    assert!(matches!(
        refused(&|it| it.inclusion.path[1][0] ^= 1),
        ProofFault::Proof(_)
    ));
    let size = |it: &mut InclusionDocument| {
        it.checkpoint = it.checkpoint.replacen("\n13\n", "\n12\n", 1);
    };
    assert!(matches!(refused(&size), ProofFault::Checkpoint(_)));
    let stranger = document.verify(&[other_key().verifier().clone()]);
    assert!(matches!(stranger, Err(ProofFault::Checkpoint(_))));
    document.verify(&[]).expect("by its own key");
}
