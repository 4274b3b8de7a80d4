//! Intents: signed requests, from this crate, from elsewhere, and from those who
//! mean no good.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_domain::auth_key::{AuthKey, AuthKeyError, AuthSigner};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::intent::{
    Action, Intent, IntentError, MAX_MESSAGE, SignPayload, TYPE as INTENT,
};
use countersign_domain::jws::{self, JwsError, MAX_TOKEN};
use countersign_domain::path::DerivationPath;
use countersign_domain::receipt::{Receipt, ReceiptError, TYPE as RECEIPT};
use ed25519_dalek::Signer as _;
use jwt_compact::jwk::JsonWebKey;
use serde_json::{Value, json};

use crate::fixture::{
    account_of, alice, at, hex_bytes, high_s, identity_key, intent, mallory, members, quorum,
    receipt, registration, signing_session, statement,
};

// ---- tokens made by hand, without the code under test

const ISSUED: i64 = 1_767_225_600;

/// `header.payload.signature`, signed by Alice's Ed25519 key.
fn assemble(header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let key = ed25519_dalek::SigningKey::from_bytes(&[0xa1; 32]);
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// As [`assemble`], by Mallory's secp256k1 key; with s as it comes, or high.
fn assemble_es256k(header: &str, payload: &str, high: bool) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let key = k256::ecdsa::SigningKey::from_slice(&[0x3a; 32]).unwrap();
    let low: k256::ecdsa::Signature = key.sign(signed.as_bytes());
    let mut signature = countersign_domain::signature::Signature {
        r: countersign_domain::bytes::Hex(low.r().to_bytes().into()),
        s: countersign_domain::bytes::Hex(low.s().to_bytes().into()),
        v: 0,
    };
    if high {
        signature = high_s(signature);
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.compact().0))
}

fn header(alg: &str) -> String {
    json!({ "alg": alg, "typ": INTENT }).to_string()
}

fn by_alice(claims: &Value) -> String {
    assemble(&header("EdDSA"), &claims.to_string())
}

fn common(kind: &str) -> Value {
    json!({
        "aud": "countersign",
        "kind": kind,
        "jti": "request-1",
        "iat": ISSUED,
        "exp": ISSUED + 3600,
    })
}

fn with(mut claims: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("claims are an object")
    };
    for (name, value) in more {
        claims[name] = value;
    }
    claims
}

fn of_alice(kind: &str, more: Value) -> Value {
    let account = account_of(&alice()).to_string();
    with(with(common(kind), json!({ "account": account })), more)
}

fn register_claims() -> Value {
    with(
        common("account.register"),
        json!({
            "username": "alice",
            "email": "alice@example.com",
            "auth_key": alice().public(),
            "threshold": 2,
            "parties": 3,
        }),
    )
}

const KEY: &str = "00000000-0000-0000-0000-0000000000aa";

fn sign_claims() -> Value {
    of_alice(
        "key.sign",
        json!({
            "key": KEY,
            "epoch": 1,
            "path": "m/0/7",
            "hash": "keccak256",
            "message": URL_SAFE_NO_PAD.encode("one coin to bob"),
        }),
    )
}

fn digest_claims() -> Value {
    let mut claims = sign_claims();
    let object = claims.as_object_mut().unwrap();
    object.remove("message");
    object.insert("digest".to_owned(), json!("ab".repeat(32)));
    claims
}

/// One good set of claims for each kind.
fn good_claims() -> Vec<Value> {
    vec![
        register_claims(),
        of_alice("account.suspend", json!({})),
        of_alice("account.reactivate", json!({})),
        of_alice(
            "key.create",
            json!({ "engine": "dkls23", "threshold": 2, "parties": 3 }),
        ),
        of_alice("key.freeze", json!({ "key": KEY })),
        of_alice("key.unfreeze", json!({ "key": KEY })),
        sign_claims(),
        digest_claims(),
        of_alice("session.cancel", json!({ "session": KEY })),
    ]
}

fn read(claims: &Value) -> Result<Intent, IntentError> {
    let verified = Intent::verify(&by_alice(claims), &alice().public())?;
    Ok(verified.intent)
}

/// The claim that is refused.
fn refused(claims: &Value) -> String {
    match read(claims) {
        Err(error @ IntentError::Claim(_)) => error.field().to_owned(),
        other => panic!("{claims} gives {other:?}"),
    }
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

// ---- round trips

fn every_action(signer: &AuthSigner) -> Vec<Action> {
    let key = KeyId(uuid::Uuid::from_u128(7));
    let message = |path: &str| Action::Sign {
        key,
        epoch: 3,
        path: path.parse().unwrap(),
        payload: SignPayload::Message {
            hash: HashScheme::Eip191,
            message: b"one coin to bob".to_vec(),
        },
    };
    let digest = |hash| Action::Sign {
        key,
        epoch: 1,
        path: DerivationPath::default(),
        payload: SignPayload::Digest {
            hash,
            digest: HashScheme::Sha256.digest(b"elsewhere"),
        },
    };
    vec![
        registration(signer),
        Action::Suspend,
        Action::Reactivate,
        Action::CreateKey {
            engine: EngineId::Dkls23,
            quorum: quorum(3, 5),
        },
        Action::Freeze { key },
        Action::Unfreeze { key },
        message("m"),
        message("m/44/60/0/0/7"),
        digest(None),
        digest(Some(HashScheme::Keccak256)),
        Action::Cancel {
            session: signing_session(),
        },
    ]
}

#[test]
fn every_kind_is_read_as_it_was_signed_by_either_algorithm() {
    for signer in [alice(), mallory()] {
        for action in every_action(&signer) {
            let asked = intent(&signer, "request-1", action);
            let token = asked.sign(&signer).unwrap();
            let verified = Intent::verify(&token, &signer.public()).unwrap();
            assert_eq!(verified.intent, asked);
            assert_eq!(verified.token, token);
            assert_eq!(Intent::peek(&token), Ok(asked));
        }
    }
}

#[test]
fn a_signed_intent_has_the_documented_header_and_claims() {
    let token = intent(&alice(), "request-1", registration(&alice()))
        .sign(&alice())
        .unwrap();
    let part = |at: usize| -> Value {
        let part = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        part(0),
        json!({
            "alg": "EdDSA",
            "typ": "countersign-intent+jwt",
            "kid": alice().public().thumbprint(),
        })
    );
    assert_eq!(part(1), register_claims());
}

#[test]
fn times_are_cut_to_whole_seconds() {
    let mut asked = intent(&alice(), "request-1", Action::Suspend);
    asked.issued_at += chrono::Duration::milliseconds(999);
    let token = asked.sign(&alice()).unwrap();
    let verified = Intent::verify(&token, &alice().public()).unwrap();
    assert_eq!(verified.intent.issued_at, at(0));
}

#[test]
fn a_registration_proves_that_its_key_is_held() {
    let token = intent(&alice(), "r", registration(&alice()))
        .sign(&alice())
        .unwrap();
    let verified = Intent::verify_registration(&token).unwrap();
    assert_eq!(verified.intent.account, account_of(&alice()));

    let stolen = intent(&alice(), "r", registration(&alice()))
        .sign(&identity_signer())
        .unwrap();
    assert_eq!(
        Intent::verify_registration(&stolen).unwrap_err(),
        IntentError::Jws(JwsError::Signature)
    );
    let other = intent(&alice(), "r", Action::Suspend)
        .sign(&alice())
        .unwrap();
    assert_eq!(
        Intent::verify_registration(&other).unwrap_err().field(),
        "kind"
    );
}

fn identity_signer() -> AuthSigner {
    AuthSigner::Ed25519(identity_key(1))
}

// ---- tokens of other implementations

#[test]
fn tokens_put_together_by_hand_are_accepted() {
    for claims in good_claims() {
        assert!(read(&claims).is_ok(), "{claims}: {:?}", read(&claims));
    }
    let key = mallory().public();
    for high in [false, true] {
        let claims = of_alice("account.suspend", json!({})).to_string();
        let token = assemble_es256k(&header("ES256K"), &claims, high);
        let verified = Intent::verify(&token, &key);
        assert!(verified.is_ok(), "s high: {high}: {verified:?}");
    }
}

/// `tests/fixtures/intents-from-python.json`: the file says how it was made.
#[test]
fn tokens_of_stock_python_libraries_are_accepted() {
    let fixtures: Value =
        serde_json::from_str(include_str!("../fixtures/intents-from-python.json")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for made in fixtures["tokens"].as_array().unwrap() {
        let text = |name: &str| made[name].as_str().unwrap();
        let (library, token) = (text("library"), text("token"));
        let key: AuthKey = serde_json::from_value(made["auth_key"].clone()).unwrap();
        assert_eq!(key.algorithm(), text("alg"));
        assert_eq!(key.thumbprint().as_str(), text("thumbprint"));
        let account = AccountId::of(&key.thumbprint());
        assert_eq!(account.to_string(), text("account"));

        let verified = Intent::verify(token, &key)
            .unwrap_or_else(|error| panic!("{library} {}: {error}", text("alg")));
        assert_eq!(verified.intent.account, account);
        assert_eq!(verified.intent.action.kind(), text("kind"));
        match verified.intent.action {
            Action::Register { auth_key, .. } => {
                assert_eq!(auth_key, key);
                assert!(Intent::verify_registration(token).is_ok());
            }
            Action::Sign { path, payload, .. } => {
                assert_eq!(path, "m/0/7".parse().unwrap());
                assert_eq!(
                    payload,
                    SignPayload::Message {
                        hash: HashScheme::Keccak256,
                        message: b"pay 1 coin to bob".to_vec(),
                    }
                );
            }
            other => panic!("{other:?}"),
        }
        let library = library.split(' ').next().unwrap().to_owned();
        seen.insert((
            library,
            text("alg").to_owned(),
            made.get("s").cloned().map(|s| s.to_string()),
        ));
    }
    // Both libraries, both algorithms, and ES256K with either half of s.
    assert!(seen.len() >= 5, "{seen:?}");
}

// ---- claims

#[test]
fn every_claim_that_is_missing_is_named() {
    for claims in good_claims() {
        for name in claims.as_object().unwrap().keys() {
            // Left out, `path` is the root and a digest's `hash` is unknown.
            let optional = name == "path" || (name == "hash" && claims.get("digest").is_some());
            let cut = without(claims.clone(), name);
            if optional {
                assert!(read(&cut).is_ok(), "{cut}");
            } else {
                let missing = if name == "digest" { "message" } else { name };
                assert_eq!(refused(&cut), missing, "{cut}");
            }
        }
    }
}

#[test]
fn every_claim_of_a_wrong_type_is_named() {
    let wrong = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!([]),
        json!({}),
        json!("\u{0}"),
    ];
    for claims in good_claims() {
        for name in claims.as_object().unwrap().keys() {
            for wrong in &wrong {
                // Any number of seconds is a time, if a poor one.
                if name == "iat" && *wrong == json!(-1) {
                    continue;
                }
                let changed = with(claims.clone(), json!({ name: wrong }));
                assert_eq!(refused(&changed), *name, "{changed}");
            }
        }
    }
}

#[test]
fn a_claim_that_nobody_asked_for_is_refused() {
    for claims in good_claims() {
        for extra in ["nbf", "sub", "memo", "", "Account"] {
            let more = with(claims.clone(), json!({ extra: 1 }));
            assert_eq!(refused(&more), extra, "{more}");
        }
    }
    // What is a claim of one kind is none of another.
    let claims = of_alice("account.suspend", json!({ "key": KEY }));
    assert_eq!(refused(&claims), "key");
    assert_eq!(
        refused(&with(register_claims(), json!({ "account": KEY }))),
        "account"
    );
}

#[test]
fn a_message_and_a_digest_exclude_each_other() {
    let both = with(sign_claims(), json!({ "digest": "ab".repeat(32) }));
    assert_eq!(refused(&both), "digest");
    assert_eq!(refused(&without(sign_claims(), "hash")), "hash");
}

#[test]
fn claims_out_of_their_range_are_named() {
    let long = "x".repeat(129);
    for (name, value) in [
        ("aud", json!("another-product")),
        ("jti", json!("")),
        ("jti", json!(long)),
        ("jti", json!("line\nbreak")),
        ("kind", json!("key.export")),
        ("account", json!("alice")),
        ("key", json!("my key")),
        ("epoch", json!(4_294_967_296_u64)),
        ("path", json!("m/44'")),
        ("path", json!("44/60")),
        ("hash", json!("md5")),
        ("message", json!("not+base64url/")),
        ("message", json!("YQ==")),
    ] {
        let changed = with(sign_claims(), json!({ name: value }));
        assert_eq!(refused(&changed), name, "{changed}");
    }
    for (name, value) in [
        ("username", json!("al")),
        ("username", json!("alice!")),
        ("username", json!("аlice")),
        ("username", json!("a".repeat(65))),
        ("email", json!("alice")),
        ("email", json!("@example.com")),
        ("email", json!("alice@example")),
        ("email", json!("alice@.com")),
        ("email", json!("a@b@example.com")),
        ("email", json!("al ice@example.com")),
        ("threshold", json!(1)),
        ("threshold", json!(4)),
        ("threshold", json!(256)),
        ("parties", json!(33)),
        ("parties", json!(257)),
        ("auth_key", json!("a key")),
    ] {
        let changed = with(register_claims(), json!({ name: value }));
        assert_eq!(refused(&changed), name, "{changed}");
    }
    let engine = of_alice(
        "key.create",
        json!({ "engine": "gg18", "threshold": 2, "parties": 3 }),
    );
    assert_eq!(refused(&engine), "engine");
    for digest in ["ab".repeat(31), "ab".repeat(33), "zz".repeat(32)] {
        let changed = with(digest_claims(), json!({ "digest": digest }));
        assert_eq!(refused(&changed), "digest");
    }
}

#[test]
fn a_message_of_the_greatest_length_fits_and_one_byte_more_does_not() {
    let claims = |length: usize| {
        let message = URL_SAFE_NO_PAD.encode(vec![0x2a; length]);
        with(sign_claims(), json!({ "message": message }))
    };
    assert!(read(&claims(MAX_MESSAGE)).is_ok());
    assert_eq!(refused(&claims(MAX_MESSAGE + 1)), "message");
}

#[test]
fn an_empty_message_is_a_message() {
    let claims = with(sign_claims(), json!({ "message": "" }));
    let Action::Sign { payload, .. } = read(&claims).unwrap().action else {
        panic!("a sign intent")
    };
    assert_eq!(payload.digest(), HashScheme::Keccak256.digest(b""));
}

// ---- time

#[test]
fn a_lifetime_is_positive_and_at_most_a_day() {
    let lifetime = |seconds: i64| with(sign_claims(), json!({ "exp": ISSUED + seconds }));
    for good in [1, 86_400] {
        assert!(read(&lifetime(good)).is_ok(), "{good}");
    }
    for bad in [-1, 0, 86_401] {
        assert_eq!(refused(&lifetime(bad)), "exp", "{bad}");
    }
    // At the ends of the calendar too.
    for (iat, exp) in [
        (i64::MIN, i64::MAX),
        (-8_000_000_000_000, 8_000_000_000_000),
    ] {
        let claims = with(sign_claims(), json!({ "iat": iat, "exp": exp }));
        assert!(["iat", "exp"].contains(&refused(&claims).as_str()));
    }
}

#[test]
fn an_intent_is_valid_from_its_issue_to_its_expiry() {
    let asked = intent(&alice(), "request-1", Action::Suspend);
    let (issued, expires) = (asked.issued_at, asked.expires_at);
    for good in [-60, 0, 3599] {
        assert_eq!(asked.check_time(at(good)), Ok(()), "{good}");
    }
    for early in [-61, -86_400] {
        let error = asked.check_time(at(early)).unwrap_err();
        assert_eq!(error, IntentError::NotYetValid(issued));
        assert_eq!(error.field(), "iat");
    }
    for late in [3600, 3601, 86_400] {
        let error = asked.check_time(at(late)).unwrap_err();
        assert_eq!(error, IntentError::Expired(expires));
        assert_eq!(error.field(), "exp");
    }
}

#[test]
fn an_expired_intent_still_verifies_so_that_a_retry_can_be_answered() {
    let token = intent(&alice(), "request-1", Action::Suspend)
        .sign(&alice())
        .unwrap();
    let verified = Intent::verify(&token, &alice().public()).unwrap();
    assert!(verified.intent.check_time(at(86_400)).is_err());
}

// ---- the token

fn verify(token: &str) -> JwsError {
    match Intent::verify(token, &alice().public()) {
        Err(error @ IntentError::Jws(_)) => {
            assert_eq!(error.field(), "intent");
            let IntentError::Jws(error) = error else {
                unreachable!()
            };
            error
        }
        other => panic!("{token} gives {other:?}"),
    }
}

#[test]
fn any_flipped_bit_of_the_signature_is_noticed() {
    let token = by_alice(&sign_claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for at in 0..64 {
        let mut flipped = signature.clone();
        flipped[at] ^= 1 << (at % 8);
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped));
        assert_eq!(verify(&token), JwsError::Signature, "byte {at}");
    }
    for length in [0, 1, 63, 65, 128] {
        let mut other = signature.clone();
        other.resize(length, 0);
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other));
        assert_eq!(verify(&token), JwsError::Signature, "{length} bytes");
    }
}

#[test]
fn changed_claims_are_noticed() {
    let token = by_alice(&sign_claims());
    let parts: Vec<_> = token.split('.').collect();
    let other = sign_claims().to_string().replace("m/0/7", "m/0/8");
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(other),
        parts[2]
    );
    assert_eq!(verify(&forged), JwsError::Signature);
    let other = header("EdDSA").replace('{', "{ ");
    let forged = format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(other),
        parts[1],
        parts[2]
    );
    assert_eq!(verify(&forged), JwsError::Signature);
}

#[test]
fn another_key_did_not_sign_it() {
    let token = by_alice(&sign_claims());
    assert_eq!(
        Intent::verify(&token, &identity_signer().public()).unwrap_err(),
        IntentError::Jws(JwsError::Signature)
    );
}

#[test]
fn a_wrong_claim_under_a_good_signature_is_not_called_a_wrong_signature() {
    // And the other way round: who did not sign learns nothing about claims.
    let claims = with(sign_claims(), json!({ "exp": "tomorrow" }));
    let token = by_alice(&claims);
    assert_eq!(
        Intent::verify(&token, &alice().public())
            .unwrap_err()
            .field(),
        "exp"
    );
    assert_eq!(
        Intent::verify(&token, &identity_signer().public()).unwrap_err(),
        IntentError::Jws(JwsError::Signature)
    );
}

#[test]
fn the_algorithm_is_that_of_the_key_and_not_of_the_header() {
    let claims = sign_claims().to_string();
    for alg in [
        "none", "None", "HS256", "RS256", "ES256", "ES256K", "eddsa", "",
    ] {
        assert_eq!(
            verify(&assemble(&header(alg), &claims)),
            JwsError::Algorithm("EdDSA"),
            "{alg}"
        );
    }
    // Without a signature at all.
    let signed = |alg: &str| {
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(header(alg)),
            URL_SAFE_NO_PAD.encode(&claims)
        )
    };
    assert_eq!(verify(&signed("none")), JwsError::Algorithm("EdDSA"));
    assert_eq!(verify(&signed("EdDSA")), JwsError::Signature);
    for alg in ["EdDSA", "ES256", "none"] {
        let token = assemble_es256k(&header(alg), &claims, false);
        assert_eq!(
            Intent::verify(&token, &mallory().public()).unwrap_err(),
            IntentError::Jws(JwsError::Algorithm("ES256K")),
            "{alg}"
        );
    }
}

/// RFC 8725, section 3.1: the public key of one algorithm must not serve as the
/// secret of another.
#[test]
fn the_public_key_is_no_shared_secret() {
    use hmac_by_hand::hmac_sha256;
    let claims = sign_claims().to_string();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header("HS256")),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let AuthKey::Ed25519(key) = alice().public() else {
        panic!("Alice has an Ed25519 key")
    };
    let mac = hmac_sha256(&key.to_bytes(), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    assert_eq!(verify(&token), JwsError::Algorithm("EdDSA"));
}

mod hmac_by_hand {
    use sha2::{Digest as _, Sha256};

    /// RFC 2104 for keys of at most a block.
    pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
        let mut block = [0u8; 64];
        block[..key.len()].copy_from_slice(key);
        let inner = Sha256::new_with_prefix(block.map(|b| b ^ 0x36)).chain_update(message);
        Sha256::new_with_prefix(block.map(|b| b ^ 0x5c))
            .chain_update(inner.finalize())
            .finalize()
            .into()
    }
}

#[test]
fn another_type_is_not_taken_for_an_intent() {
    let claims = sign_claims().to_string();
    for typ in ["JWT", "", RECEIPT, "countersign-intent+jwt "] {
        let header = json!({ "alg": "EdDSA", "typ": typ }).to_string();
        assert_eq!(
            verify(&assemble(&header, &claims)),
            JwsError::Type(INTENT),
            "{typ}"
        );
    }
    assert_eq!(
        verify(&assemble(r#"{"alg":"EdDSA"}"#, &claims)),
        JwsError::Type(INTENT)
    );
}

#[test]
fn a_receipt_is_no_intent_and_an_intent_no_receipt() {
    let party_key = identity_signer().public();
    let token = receipt(1, &statement(2, 3));
    assert_eq!(
        Intent::verify(&token, &party_key).unwrap_err(),
        IntentError::Jws(JwsError::Type(INTENT))
    );
    let token = intent(&alice(), "request-1", Action::Suspend)
        .sign(&identity_signer())
        .unwrap();
    let member = &members(1)[0];
    assert_eq!(
        Receipt::verify(&token, member).unwrap_err(),
        ReceiptError::Jws {
            party: member.identity.party.clone(),
            source: JwsError::Type(RECEIPT),
        }
    );
}

#[test]
fn what_is_no_compact_jws_is_malformed() {
    let good = by_alice(&sign_claims());
    let parts: Vec<_> = good.split('.').collect();
    let long = "a".repeat(MAX_TOKEN);
    for malformed in [
        "",
        ".",
        "..",
        "...",
        "not a token",
        &format!("{}.{}", parts[0], parts[1]),
        &format!("{good}.{}", parts[2]),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("{good}\n"),
        &format!(".{}.{}", parts[1], parts[2]),
        &assemble("[]", "{}"),
        &assemble("{}", "{}"),
        &assemble(&header("EdDSA"), "[]"),
        &assemble(&header("EdDSA"), "null"),
        &assemble(&header("EdDSA"), "{"),
        &assemble(&header("EdDSA"), "{} {}"),
        &assemble(&header("EdDSA"), "\u{feff}{}"),
        &long,
    ] {
        assert_eq!(verify(malformed), JwsError::Malformed, "{malformed}");
    }
    assert_eq!(verify(&format!("{long}a")), JwsError::TooLong);
}

/// RFC 7515, section 4.1.11; without it, `b64` (RFC 7797) would sign another
/// payload than the one that is read.
#[test]
fn critical_extensions_are_refused() {
    let claims = sign_claims().to_string();
    for extension in [
        json!({ "alg": "EdDSA", "typ": INTENT, "crit": ["b64"], "b64": false }),
        json!({ "alg": "EdDSA", "typ": INTENT, "crit": ["exp"], "exp": 1 }),
        json!({ "alg": "EdDSA", "typ": INTENT, "crit": [] }),
    ] {
        let token = assemble(&extension.to_string(), &claims);
        assert_eq!(verify(&token), JwsError::Malformed, "{extension}");
    }
    // Any other header field is none of our business.
    let other = json!({ "alg": "EdDSA", "typ": INTENT, "kid": "mine", "x": 1 });
    let token = assemble(&other.to_string(), &claims);
    assert!(Intent::verify(&token, &alice().public()).is_ok());
}

#[test]
fn a_deeply_nested_claim_is_refused_and_does_not_overflow() {
    let deep = format!("{}1{}", "[".repeat(40_000), "]".repeat(40_000));
    let token = assemble(&header("EdDSA"), &format!("{{\"memo\":{deep}}}"));
    assert_eq!(verify(&token), JwsError::Malformed);
}

/// Two readers may take two different values of a name that occurs twice
/// (RFC 7515, section 10.12): such a token means nothing certain.
#[test]
fn a_name_that_occurs_twice_is_refused() {
    let claims = sign_claims().to_string();
    for name in ["exp", "iat", "path", "account", "message", "aud"] {
        let value = &sign_claims()[name];
        for doubled in [
            claims.replacen('{', &format!("{{\"{name}\":{value},"), 1),
            format!("{},\"{name}\":{value}}}", claims.strip_suffix('}').unwrap()),
        ] {
            let token = assemble(&header("EdDSA"), &doubled);
            assert_eq!(verify(&token), JwsError::Malformed, "{doubled}");
            assert_eq!(
                Intent::peek(&token),
                Err(IntentError::Jws(JwsError::Malformed))
            );
        }
    }
    // Spelt with an escape it is the same name.
    let escaped = claims.replacen('{', r#"{"\u0070ath":"m/9","#, 1);
    let token = assemble(&header("EdDSA"), &escaped);
    assert_eq!(verify(&token), JwsError::Malformed);
    // Inside a claim.
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let nested = register_claims().to_string().replace(
        &serde_json::to_string(&register_claims()["auth_key"]).unwrap(),
        jwk,
    );
    assert!(nested.contains(jwk));
    let token = assemble(&header("EdDSA"), &nested);
    assert_eq!(verify(&token), JwsError::Malformed);
    // In the header.
    for doubled in [
        r#"{"alg":"EdDSA","typ":"countersign-intent+jwt","typ":"countersign-intent+jwt"}"#,
        r#"{"alg":"none","typ":"countersign-intent+jwt","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"countersign-intent+jwt","x":1,"x":2}"#,
    ] {
        assert_eq!(verify(&assemble(doubled, &claims)), JwsError::Malformed);
    }
}

// ---- the hash

fn hash_of(claims: &str) -> String {
    let token = assemble(&header("EdDSA"), claims);
    let verified = Intent::verify(&token, &alice().public()).unwrap();
    verified.hash.to_string()
}

#[test]
fn the_same_request_has_one_hash_however_it_is_written() {
    let claims = sign_claims();
    let expected = hash_of(&claims.to_string());
    // With white space, and in the reverse order of names.
    let pretty = format!("{claims:#}");
    let object = claims.as_object().unwrap();
    let reversed: Vec<_> = object
        .iter()
        .rev()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let reversed = format!("{{{}}}", reversed.join(" , "));
    let escaped = claims.to_string().replace("\"path\"", "\"\\u0070ath\"");
    assert_ne!(escaped, claims.to_string());
    for same in [pretty, reversed, escaped] {
        assert_eq!(hash_of(&same), expected, "{same}");
    }
    // Signed anew: other times, another header.
    let later = with(
        claims.clone(),
        json!({ "iat": ISSUED + 5, "exp": ISSUED + 9 }),
    );
    assert_eq!(hash_of(&later.to_string()), expected);
    let header = json!({ "typ": INTENT, "alg": "EdDSA", "kid": "mine" });
    let token = assemble(&header.to_string(), &claims.to_string());
    let verified = Intent::verify(&token, &alice().public()).unwrap();
    assert_eq!(verified.hash.to_string(), expected);
}

#[test]
fn the_hash_is_that_of_the_sorted_claims_without_the_times() {
    use sha2::Digest as _;
    let canonical = format!(
        concat!(
            r#"{{"account":"{}","aud":"countersign","jti":"request-1","#,
            r#""kind":"account.suspend"}}"#
        ),
        account_of(&alice())
    );
    let expected = hex::encode(sha2::Sha256::digest(canonical));
    let claims = of_alice("account.suspend", json!({}));
    assert_eq!(hash_of(&claims.to_string()), expected);
}

#[test]
fn another_request_has_another_hash() {
    let claims = sign_claims();
    let expected = hash_of(&claims.to_string());
    for (name, value) in [
        ("jti", json!("request-2")),
        ("path", json!("m/0/8")),
        ("epoch", json!(2)),
        ("hash", json!("sha256")),
        ("message", json!("")),
        ("account", json!(KEY)),
        ("key", json!("00000000-0000-0000-0000-0000000000ab")),
    ] {
        let other = with(claims.clone(), json!({ name: value }));
        assert_ne!(hash_of(&other.to_string()), expected, "{name}");
    }
    let without_path = without(claims, "path");
    assert_ne!(hash_of(&without_path.to_string()), expected);
}

// ---- auth keys

/// Registers this JWK; the signature is never reached when the key is refused.
fn register(jwk: &Value) -> IntentError {
    let claims = with(register_claims(), json!({ "auth_key": jwk }));
    Intent::verify_registration(&by_alice(&claims)).unwrap_err()
}

fn read_jwk(jwk: &Value) -> Result<AuthKey, AuthKeyError> {
    let parsed: JsonWebKey<'static> = serde_json::from_value(jwk.clone()).unwrap();
    AuthKey::from_jwk(&parsed)
}

#[test]
fn a_private_key_is_no_auth_key() {
    for signer in [alice(), mallory()] {
        let private: Value = serde_json::from_str(&signer.to_private_jwk()).unwrap();
        assert_eq!(read_jwk(&private), Err(AuthKeyError::Private));
        assert_eq!(register(&private).field(), "auth_key");
        assert!(serde_json::from_value::<AuthKey>(private).is_err());
    }
}

#[test]
fn points_of_small_order_are_no_auth_keys() {
    // The canonical encodings of the points of order 1, 2, 4 and 8 of
    // edwards25519 (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs").
    for weak in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ] {
        let x = URL_SAFE_NO_PAD.encode(hex_bytes::<32>(weak));
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        assert_eq!(read_jwk(&jwk), Err(AuthKeyError::Point), "{weak}");
        assert_eq!(register(&jwk).field(), "auth_key");
    }
}

#[test]
fn what_is_no_point_is_no_auth_key() {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    for jwk in [
        // y = 2 is not on edwards25519.
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&{
            let mut y = [0; 32];
            y[0] = 2;
            y
        }) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&[9; 31]) }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": encode(&[1; 32]), "y": encode(&[1; 32]) }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": encode(&[0; 32]), "y": encode(&[0; 32]) }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": encode(&[0xff; 32]), "y": encode(&[1; 32]) }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": encode(&[1; 33]), "y": encode(&[1; 31]) }),
    ] {
        assert_eq!(read_jwk(&jwk), Err(AuthKeyError::Point), "{jwk}");
        assert_eq!(register(&jwk).field(), "auth_key");
    }
}

#[test]
fn keys_of_other_kinds_are_no_auth_keys() {
    let x = URL_SAFE_NO_PAD.encode([1; 32]);
    for jwk in [
        json!({ "kty": "OKP", "crv": "X25519", "x": x }),
        json!({ "kty": "OKP", "crv": "Ed448", "x": x }),
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x }),
        json!({ "kty": "RSA", "n": x, "e": "AQAB" }),
    ] {
        assert_eq!(read_jwk(&jwk), Err(AuthKeyError::Kind), "{jwk}");
        assert_eq!(register(&jwk).field(), "auth_key");
    }
    // A shared secret is a private key, whatever else it is.
    let secret = json!({ "kty": "oct", "k": x });
    assert_eq!(read_jwk(&secret), Err(AuthKeyError::Private));
    for no_jwk in [
        json!({}),
        json!({ "kty": "EC" }),
        json!({ "kty": "OKP", "x": x }),
    ] {
        assert_eq!(register(&no_jwk).field(), "auth_key");
    }
}

#[test]
fn a_signer_is_read_back_from_its_private_jwk() {
    for signer in [alice(), mallory()] {
        let text = signer.to_private_jwk();
        let parsed: JsonWebKey<'static> = serde_json::from_str(&text).unwrap();
        let back = AuthSigner::from_jwk(&parsed).unwrap();
        assert_eq!(back.public(), signer.public());
        let printed = format!("{signer:?}");
        let private: Value = serde_json::from_str(&text).unwrap();
        assert!(!printed.contains(private["d"].as_str().unwrap()));
    }
}

#[test]
fn a_private_jwk_whose_halves_do_not_fit_is_refused() {
    let mut jwk: Value = serde_json::from_str(&alice().to_private_jwk()).unwrap();
    let public = serde_json::to_value(alice().public()).unwrap();
    let from = |jwk: &Value| {
        let parsed: JsonWebKey<'static> = serde_json::from_value(jwk.clone()).unwrap();
        AuthSigner::from_jwk(&parsed).unwrap_err()
    };
    assert_eq!(from(&public), AuthKeyError::NoPrivatePart);
    jwk["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    assert_eq!(from(&jwk), AuthKeyError::Mismatch);
    jwk["d"] = json!(URL_SAFE_NO_PAD.encode([7; 31]));
    assert_eq!(from(&jwk), AuthKeyError::Point);
}

// ---- names

#[test]
fn a_session_is_named_by_its_intent_and_a_key_by_its_session() {
    let account = account_of(&alice());
    let session = SessionId::of(account, "request-1");
    // RFC 9562, section 5.5: the name-based id of account and `jti`.
    assert_eq!(session.0, uuid::Uuid::new_v5(&account.0, b"request-1"));
    assert_ne!(session, SessionId::of(account, "request-2"));
    assert_ne!(session, SessionId::of(account_of(&mallory()), "request-1"));
    assert_eq!(KeyId::of(session).0, uuid::Uuid::new_v5(&session.0, b"key"));
}

#[test]
fn jws_claims_are_any_json_object() {
    let token = jws::sign("t", &json!({ "exp": 1.5, "a": 1 }), &alice()).unwrap();
    assert_eq!(
        Value::Object(jws::verify(&token, "t", &alice().public()).unwrap()),
        json!({ "exp": 1.5, "a": 1 })
    );
    let token = jws::sign("t", &json!({ "nbf": 7, "iat": 8, "exp": 9 }), &alice()).unwrap();
    assert_eq!(
        Value::Object(jws::verify(&token, "t", &alice().public()).unwrap()),
        json!({ "nbf": 7, "iat": 8, "exp": 9 })
    );
    for none in [json!([1]), json!("text"), Value::Null] {
        assert_eq!(jws::sign("t", &none, &alice()), Err(JwsError::Malformed));
    }
}
