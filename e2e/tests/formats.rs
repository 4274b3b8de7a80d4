//! Signatures by a threshold key in the formats that it is made for: an Ethereum
//! transaction (EIP-1559) and a Bitcoin witness (BIP 143), from published vectors.

use bech32::{Fe32, Hrp};
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::intent::SignPayload;
use countersign_domain::signature::{Signature, ethereum_address};
use countersign_e2e::account::Account;
use countersign_e2e::dev::Dev;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use k256::ecdsa::{RecoveryId, VerifyingKey};
use ripemd::Ripemd160;
use rlp::RlpStream;
use sha2::{Digest as _, Sha256};

/// A transfer of EIP-1559: chain 7822, nonce 819, to 0x…aaaa. Fields, signature and
/// encoding are the first vector of `eip1559.json` in the tests of the Ethereum
/// clients (made by Besu); its key is Besu's published development key.
mod eip1559 {
    use super::{RlpStream, hex};

    pub(super) const SENDER: &str = "0xFE3B557E8Fb62b89F4916B721be55cEb828dBd73";
    pub(super) const SIGNED: &str = "02f870821e8e8203338301284d8301d97c828ae0\
        94000000000000000000000000000000000000aaaa8402933bc980c080\
        a0d067f2167008c59219652f91cbf8788dbca5f771f6e91e2b7657e85b78b472e0\
        a01d305af9fe81fdba43f0dfcd400ed24dcace0a7e30d4e85701dcaaf484cd079e";

    /// The encoding, with or without a signature (v, r, s).
    pub(super) fn encoded(signature: Option<(u8, &[u8], &[u8])>) -> Vec<u8> {
        let mut list = RlpStream::new_list(if signature.is_some() { 12 } else { 9 });
        for number in [7822u64, 819, 75_853, 121_212, 35_552] {
            list.append(&number);
        }
        list.append(&hex("000000000000000000000000000000000000aaaa"));
        list.append(&43_203_529u64);
        list.append_empty_data();
        list.begin_list(0);
        if let Some((v, r, s)) = signature {
            // Integers have no leading zeros in RLP.
            let trimmed = |bytes: &[u8]| -> Vec<u8> {
                bytes
                    .iter()
                    .copied()
                    .skip_while(|byte| *byte == 0)
                    .collect()
            };
            list.append(&v).append(&trimmed(r)).append(&trimmed(s));
        }
        [&[2][..], &list.out()].concat()
    }
}

/// The native P2WPKH example of BIP 143: what is hashed for its second input.
mod bip143 {
    pub(super) const PREIMAGE: &str = "\
        0100000096b827c8483d4e9b96712b6713a7b68d6e8003a781feba36c31143470b4efd37\
        52b0a642eea2fb7ae638c36f6252b6750293dbe574a806984b8e4d8548339a3b\
        ef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a01000000\
        1976a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac0046c32300000000\
        ffffffff863ef3e1a92afbfdb97f31ad0fc7683ee943e9abcf2501590ff8f6551f47e5e5\
        1100000001000000";
    pub(super) const SIGHASH: &str =
        "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670";
    pub(super) const PUBLIC_KEY: &str =
        "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357";
    pub(super) const KEY_HASH: &str = "1d0f172a0ecb48aee1be1f2687d2963ae33f71a1";
    pub(super) const DER: &str = "\
        304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a\
        0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee";
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hex")
}

/// The key hash of P2WPKH (BIP 141).
fn key_hash(public_key: &[u8]) -> Vec<u8> {
    Ripemd160::digest(Sha256::digest(public_key)).to_vec()
}

/// The address of a P2WPKH output (BIP 173).
fn p2wpkh(public_key: &[u8]) -> String {
    let hrp = Hrp::parse("bc").expect("a prefix");
    bech32::segwit::encode(hrp, Fe32::Q, &key_hash(public_key)).expect("an address")
}

fn sender(unsigned: &[u8], signature: &Signature) -> String {
    let digest = HashScheme::Keccak256.digest(unsigned);
    let id = RecoveryId::from_byte(signature.v).expect("0 or 1");
    let parsed = k256::ecdsa::Signature::from_scalars(signature.r.0, signature.s.0).expect("r, s");
    let key = VerifyingKey::recover_from_prehash(&digest.0, &parsed, id).expect("a key");
    let compressed: [u8; 33] = key.to_sec1_bytes()[..].try_into().expect("33 bytes");
    ethereum_address(&PublicKey::from(compressed)).expect("a point")
}

fn verify(public_key: &[u8], digest: &Digest, der: &[u8]) {
    let key = VerifyingKey::from_sec1_bytes(public_key).expect("a key");
    let signature = k256::ecdsa::Signature::from_der(der).expect("DER");
    key.verify_prehash(&digest.0, &signature)
        .expect("it verifies");
}

#[test]
fn the_published_vectors_are_encoded_and_verified_here_as_published() {
    let signed = hex(eip1559::SIGNED);
    let (r, s) = (
        &signed[signed.len() - 65..signed.len() - 33],
        &signed[signed.len() - 32..],
    );
    assert_eq!(eip1559::encoded(Some((0, r, s))), signed);
    let signature = Signature {
        r: <[u8; 32]>::try_from(r).expect("32 bytes").into(),
        s: <[u8; 32]>::try_from(s).expect("32 bytes").into(),
        v: 0,
    };
    assert_eq!(sender(&eip1559::encoded(None), &signature), eip1559::SENDER);

    let sighash = HashScheme::Sha256d.digest(&hex(bip143::PREIMAGE));
    assert_eq!(sighash.to_string(), bip143::SIGHASH);
    assert_eq!(key_hash(&hex(bip143::PUBLIC_KEY)), hex(bip143::KEY_HASH));
    verify(&hex(bip143::PUBLIC_KEY), &sighash, &hex(bip143::DER));
    // The example of BIP 173: the generator point's address.
    let generator = hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    assert_eq!(
        p2wpkh(&generator),
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    );
}

#[test]
fn a_threshold_key_signs_an_ethereum_transaction_and_a_bitcoin_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let dev = Dev::start(env!("CARGO_BIN_EXE_countersign"), folder.path());
    let account = Account::new();
    account.register(&dev.api);
    let (key, made) = account.create_key(&dev.api, 2, 3);
    let public_key = hex(made["public_key"].as_str().expect("a key"));
    let sign = |hash, message: Vec<u8>| {
        let payload = SignPayload::Message { hash, message };
        let intent = account.intent(Account::sign_action(key, payload));
        let path = format!("/v1/keys/{key}/signatures");
        let answer = dev.api.post(&path, &intent, 60);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["signature"].clone()
    };

    let unsigned = eip1559::encoded(None);
    let answer = sign(HashScheme::Keccak256, unsigned.clone());
    let signature: Signature = serde_json::from_value(answer).expect("a signature");
    let raw = eip1559::encoded(Some((signature.v, &signature.r.0, &signature.s.0)));
    let decoded = rlp::Rlp::new(&raw[1..]);
    assert_eq!(raw[0], 2);
    assert_eq!(decoded.item_count(), Ok(12));
    assert_eq!(decoded.val_at::<u8>(9), Ok(signature.v));
    assert_eq!(
        sender(&unsigned, &signature),
        made["ethereum_address"].as_str().expect("an address")
    );

    let preimage = hex(bip143::PREIMAGE);
    let answer = sign(HashScheme::Sha256d, preimage.clone());
    let der = hex(answer["der"].as_str().expect("DER"));
    verify(&public_key, &HashScheme::Sha256d.digest(&preimage), &der);
    // A witness has the signature with its type (SIGHASH_ALL), and the key.
    let witness = [[&der[..], &[1]].concat(), public_key.clone()];
    assert!(witness[0].len() <= 72, "low s keeps signatures short");
    let address = p2wpkh(&public_key);
    let (_, _, program) = bech32::segwit::decode(&address).expect("an address");
    assert_eq!(program, key_hash(&witness[1]));
}
