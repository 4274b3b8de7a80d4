//! Published vectors, each with its source.

use countersign_domain::auth_key::{AuthKey, AuthSigner};
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::path::DerivationPath;
use countersign_domain::signature::{Signature, SignatureError, ethereum_address};
use jwt_compact::jwk::JsonWebKey;

use crate::fixture::hex_bytes;

fn jwk(json: &str) -> JsonWebKey<'static> {
    serde_json::from_str(json).unwrap()
}

fn public(scalar: &str) -> PublicKey {
    let key = k256::ecdsa::SigningKey::from_slice(&hex_bytes::<32>(scalar)).unwrap();
    Hex(key
        .verifying_key()
        .to_sec1_point(true)
        .as_bytes()
        .try_into()
        .unwrap())
}

// ---- keys

/// RFC 8037, appendix A.1 to A.3.
#[test]
fn the_ed25519_key_of_rfc_8037_has_its_thumbprint() {
    let private = jwk(r#"{"kty":"OKP","crv":"Ed25519",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let signer = AuthSigner::from_jwk(&private).unwrap();
    let public = AuthKey::from_jwk(&jwk(r#"{"kty":"OKP","crv":"Ed25519",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#))
    .unwrap();
    assert_eq!(signer.public(), public);
    assert_eq!(
        public.thumbprint().as_str(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    assert_eq!(public.algorithm(), "EdDSA");
}

/// RFC 7638, section 3.1 gives its example for an RSA key, which is no auth key
/// here; the rule (members in lexical order, no white space, SHA-256) is the
/// same for this one, whose canonical form is spelt out and hashed here.
#[test]
fn the_thumbprint_of_a_secp256k1_key_follows_rfc_7638() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::Digest as _;

    let canonical = concat!(
        r#"{"crv":"secp256k1","kty":"EC","#,
        r#""x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","#,
        r#""y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}"#
    );
    let key = AuthKey::from_jwk(&jwk(canonical)).unwrap();
    assert_eq!(
        key.thumbprint().as_str(),
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(canonical))
    );
    assert_eq!(key.algorithm(), "ES256K");
}

// ---- hashes

/// FIPS 180-4 examples ("abc") for SHA-256; the Keccak team's
/// `ShortMsgKAT_256` (empty message) and the well-known digest of "hello" for
/// Keccak-256; the Bitcoin wiki's "hello" for SHA-256 twice.
#[test]
fn digests_are_the_published_ones() {
    for (scheme, message, expected) in [
        (
            HashScheme::Sha256,
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            HashScheme::Keccak256,
            "",
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        ),
        (
            HashScheme::Keccak256,
            "hello",
            "1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8",
        ),
        (
            HashScheme::Sha256d,
            "hello",
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50",
        ),
    ] {
        assert_eq!(
            scheme.digest(message.as_bytes()),
            Hex(hex_bytes(expected)),
            "{scheme} of {message:?}"
        );
    }
}

/// The Bitcoin genesis block: SHA-256 twice of its header is its hash, which is
/// written back to front.
#[test]
fn sha256d_of_the_genesis_header_is_the_genesis_block() {
    let header = concat!(
        "01000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a",
        "29ab5f49ffff001d1dac2b7c"
    );
    let mut hash = HashScheme::Sha256d.digest(&hex::decode(header).unwrap()).0;
    hash.reverse();
    assert_eq!(
        Hex(hash),
        Hex(hex_bytes(
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        ))
    );
}

/// web3.js documentation, `accounts.hashMessage("Hello World")`.
#[test]
fn eip_191_of_hello_world_is_that_of_web3_js() {
    assert_eq!(
        HashScheme::Eip191.digest(b"Hello World"),
        Hex(hex_bytes(
            "a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2"
        ))
    );
}

#[test]
fn eip_191_counts_bytes_and_not_characters() {
    let message = "§".repeat(6);
    let spelt = [b"\x19Ethereum Signed Message:\n12", message.as_bytes()].concat();
    assert_eq!(
        HashScheme::Eip191.digest(message.as_bytes()),
        HashScheme::Keccak256.digest(&spelt)
    );
}

// ---- addresses

/// The first accounts of Hardhat and Anvil (mnemonic "test test … junk"), with
/// their keys as both tools print them, and the address of the key 1.
#[test]
fn addresses_are_those_that_wallets_show() {
    for (scalar, address) in [
        (
            "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        ),
        (
            "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        ),
        (
            "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000001",
            "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        ),
    ] {
        assert_eq!(ethereum_address(&public(scalar)).as_deref(), Ok(address));
    }
    assert_eq!(
        ethereum_address(&Hex([4; 33])),
        Err(SignatureError::PublicKey)
    );
}

/// The example of EIP-155: private key 0x46…46, signing hash, r, s and v = 37,
/// that is recovery id 0; the sender is a well-known address.
#[test]
fn the_signature_of_eip_155_verifies_and_recovers() {
    let digest: Digest = Hex(hex_bytes(
        "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
    ));
    let signature = Signature {
        r: Hex(hex_bytes(
            "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276",
        )),
        s: Hex(hex_bytes(
            "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
        )),
        v: 0,
    };
    let key = public(&"46".repeat(32));
    assert_eq!(signature.verify(&digest, &key), Ok(()));
    assert_eq!(
        Signature { v: 1, ..signature }.verify(&digest, &key),
        Err(SignatureError::RecoveryId)
    );
    assert_eq!(
        ethereum_address(&key).as_deref(),
        Ok("0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F")
    );
}

/// The RFC 6979 signature of secp256k1 key 1 over SHA-256("Satoshi Nakamoto"),
/// a vector of many libraries (Trezor, CoreBitcoin, python-ecdsa), in the DER
/// form that X.690 prescribes: an integer with its highest bit set gets a zero
/// byte in front.
#[test]
fn a_known_signature_has_its_der_form() {
    let r = "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8";
    let s = "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5";
    let digest = HashScheme::Sha256.digest(b"Satoshi Nakamoto");
    let one = public("0000000000000000000000000000000000000000000000000000000000000001");
    let with = |v| Signature {
        r: Hex(hex_bytes(r)),
        s: Hex(hex_bytes(s)),
        v,
    };
    let valid = [0, 1].map(|v| with(v).verify(&digest, &one));
    assert!(
        valid.contains(&Ok(())) && valid.contains(&Err(SignatureError::RecoveryId)),
        "exactly one recovery id leads to the key: {valid:?}"
    );
    assert_eq!(
        hex::encode(with(0).der().unwrap()),
        format!("3045022100{r}0220{s}")
    );
    assert_eq!(with(0).compact().to_string(), format!("{r}{s}"));
    let zero = Signature {
        r: Hex([0; 32]),
        ..with(0)
    };
    assert_eq!(zero.der(), Err(SignatureError::Range));
}

// ---- derivation

/// The public key and chain code inside a serialised extended key (BIP32).
fn extended(xpub: &str) -> (PublicKey, Digest) {
    let key: bip32::XPub = xpub.parse().unwrap();
    (Hex(key.to_bytes()), Hex(key.attrs().chain_code))
}

/// BIP32, test vector 2: the steps that are not hardened, from the published
/// parent to the published child.
#[test]
fn public_derivation_follows_bip32_test_vector_2() {
    for (parent, path, child) in [
        (
            "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
            "m/0",
            "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
        ),
        (
            "xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
            "m/1",
            "xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
        ),
        (
            "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
            "m/2",
            "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
        ),
    ] {
        let (key, chain_code) = extended(parent);
        let path: DerivationPath = path.parse().unwrap();
        assert_eq!(path.derive(&key, &chain_code), Ok(extended(child).0));
    }
}

/// BIP32, test vector 1: two plain steps in a row, from m/0H/1/2H on.
#[test]
fn public_derivation_takes_several_steps_as_bip32_test_vector_1() {
    let (key, chain_code) = extended(
        "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
    );
    let child = extended(
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
    );
    let path: DerivationPath = "m/2/1000000000".parse().unwrap();
    assert_eq!(path.derive(&key, &chain_code), Ok(child.0));
}

#[test]
fn the_root_path_is_the_key_itself_and_a_non_point_has_no_child() {
    let (key, chain_code) = extended(
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
    );
    let root = DerivationPath::default();
    assert_eq!(root.derive(&key, &chain_code), Ok(key));
    let child: DerivationPath = "m/0".parse().unwrap();
    assert_eq!(
        child.derive(&Hex([9; 33]), &chain_code),
        Err(countersign_domain::path::PathError::NoChild)
    );
}
