//! Trees against published vectors, and against another implementation.

use countersign_audit::merkle::{EMPTY_ROOT, Frontier, Hash, InclusionProof, ProofPlan};
use ct_merkle::digest::Output;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use crate::tampered::leaf;

type Other = MemoryBackedTree<Sha256, Vec<u8>>;

/// Inputs of the reference tests of Certificate Transparency (RFC 6962).
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The roots of their first n.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn vectors() -> Vec<Vec<u8>> {
    let decoded = LEAVES.iter().map(|text| hex::decode(text).expect("hex"));
    decoded.collect()
}

#[test]
fn the_roots_are_those_of_the_reference_tests() {
    assert_eq!(Frontier::new().root(), EMPTY_ROOT);
    let mut frontier = Frontier::new();
    for (data, root) in vectors().iter().zip(ROOTS) {
        frontier.push(leaf(data));
        assert_eq!(hex::encode(frontier.root()), root);
    }
}

#[test]
fn a_frontier_is_stored_and_goes_on() {
    let mut whole = Frontier::new();
    let mut resumed = Frontier::new();
    for data in vectors() {
        whole.push(leaf(&data));
        let text = serde_json::to_string(&resumed).expect("JSON");
        resumed = serde_json::from_str(&text).expect("a frontier");
        resumed.push(leaf(&data));
        assert_eq!(resumed, whole);
    }
    assert_eq!(whole.edges().len(), 1, "eight leaves are one subtree");
    let wrong = r#"{"size":3,"edges":["00"]}"#;
    assert!(serde_json::from_str::<Frontier>(wrong).is_err());
    let short = format!(r#"{{"size":3,"edges":["{}"]}}"#, "00".repeat(32));
    let error = serde_json::from_str::<Frontier>(&short).expect_err("one hash for two");
    assert!(
        error.to_string().contains("has 2 hashes at its edge"),
        "{error}"
    );
}

fn of(data: &[Vec<u8>]) -> (Frontier, Other) {
    let (mut frontier, mut other) = (Frontier::new(), Other::new());
    for data in data {
        frontier.push(leaf(data));
        other.push(data.clone());
    }
    (frontier, other)
}

fn inclusion(data: &[Vec<u8>], index: u64) -> InclusionProof {
    let mut plan = ProofPlan::inclusion(index, data.len() as u64).expect("a leaf");
    data.iter().for_each(|data| plan.push(leaf(data)));
    plan.into_inclusion().expect("a proof")
}

fn output(hash: &Hash) -> Output<Sha256> {
    (*hash).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_implementation_has_the_same_roots_and_takes_the_proofs(
        data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..130),
        at in any::<prop::sample::Index>(),
        before in any::<prop::sample::Index>(),
    ) {
        let (frontier, other) = of(&data);
        let root = other.root();
        prop_assert_eq!(output(&frontier.root()), *root.as_bytes());

        let index = at.index(data.len());
        let proof = inclusion(&data, index as u64);
        let hashes: Vec<_> = proof.path.iter().map(output).collect();
        let theirs = ct_merkle::InclusionProof::<Sha256>::from_digests(&hashes);
        prop_assert!(root.verify_inclusion(&data[index], index as u64, &theirs).is_ok());
        let made_by_them = other.prove_inclusion(index);
        prop_assert_eq!(made_by_them.as_bytes(), theirs.as_bytes());
        proof.verify(leaf(&data[index]), frontier.root()).expect("our own proof");

        let old = before.index(data.len()) + 1;
        let mut plan = ProofPlan::consistency(old as u64, data.len() as u64).expect("smaller");
        data.iter().for_each(|data| plan.push(leaf(data)));
        let proof = plan.into_consistency().expect("a proof");
        let (old_frontier, old_other) = of(&data[..old]);
        proof.verify(old_frontier.root(), frontier.root()).expect("our own proof");
        let hashes: Vec<_> = proof.path.iter().map(output).collect();
        let theirs = ct_merkle::ConsistencyProof::<Sha256>::from_digests(&hashes);
        prop_assert!(root.verify_consistency(&old_other.root(), &theirs).is_ok());
    }

    #[test]
    fn a_changed_proof_proves_nothing(
        size in 2u64..100,
        at in any::<prop::sample::Index>(),
        hash in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let data: Vec<_> = (0..size).map(|n| n.to_be_bytes().to_vec()).collect();
        let (frontier, _) = of(&data);
        let index = at.index(data.len());
        let mut proof = inclusion(&data, index as u64);
        let place = hash.index(proof.path.len());
        proof.path[place][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(proof.verify(leaf(&data[index]), frontier.root()).is_err());
    }
}

#[test]
fn what_is_not_there_has_no_proof() {
    let data = vectors();
    for (index, size) in [(8, 8), (0, 0), (u64::MAX, 8)] {
        let error = ProofPlan::inclusion(index, size).expect_err("no such leaf");
        assert!(error.to_string().contains("has none at index"), "{error}");
    }
    for (old, size) in [(0, 8), (9, 8)] {
        assert!(ProofPlan::consistency(old, size).is_err());
    }
    let mut plan = ProofPlan::inclusion(3, 8).expect("a leaf");
    data[..7].iter().for_each(|data| plan.push(leaf(data)));
    let error = plan.into_inclusion().expect_err("a leaf is missing");
    assert_eq!(error.to_string(), "7 leaves went by of 8");

    let (frontier, _) = of(&data);
    let proof = inclusion(&data, 3);
    let other = InclusionProof {
        index: 4,
        ..proof.clone()
    };
    assert!(other.verify(leaf(&data[3]), frontier.root()).is_err());
    let longer = InclusionProof { size: 16, ..proof };
    assert!(longer.verify(leaf(&data[3]), frontier.root()).is_err());
}
