//! `countersign sign`

use countersign_domain::bytes::Digest;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::{Action, SignPayload};
use countersign_domain::path::DerivationPath;
use serde_json::{Value, json};

use super::payload;
use crate::args::SignArgs;
use crate::client::Requester;
use crate::client::verify::{self, Expected, VerifiedKey};
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &SignArgs, as_json: bool) -> Outcome {
    let payload = payload::read(&args.payload)?.ok_or_else(|| {
        Failure::usage("nothing to sign: pass --message, --message-file or --digest")
    })?;
    let roster = verify::roster(&args.roster.roster)?;
    let requester = super::key::requester(&args.auth, &args.server)?;
    let document = requester.server.get(&format!("/v1/keys/{}", args.key))?;
    if document["status"] != "active" {
        return Err(Failure::new(
            crate::failure::Kind::Refused,
            format!(
                "key {} is {}: only an active key signs",
                args.key,
                output::plain(&document["status"])
            ),
        ));
    }
    let expected = Expected {
        key: args.key,
        account: requester.auth.account,
        auth_key: requester.auth.signer.public().thumbprint(),
        quorum: None,
    };
    let key = verify::key(&document, &roster, &expected)?;
    let request = Request {
        key: args.key,
        epoch: document["epoch"]
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(key.statement.epoch),
        path: args.path.clone(),
        payload,
    };
    let jti = args.wait.request_id.as_deref();
    let answer = sign(&requester, &key, &request, args.wait.wait, jti)?;
    output::either(as_json, &answer, shown)
}

/// What is asked for.
pub(super) struct Request {
    pub(super) key: KeyId,
    pub(super) epoch: u32,
    pub(super) path: DerivationPath,
    pub(super) payload: SignPayload,
}

/// Signs and verifies what comes back.
pub(super) fn sign(
    requester: &Requester,
    key: &VerifiedKey,
    request: &Request,
    wait: u32,
    jti: Option<&str>,
) -> Outcome<Value> {
    let digest = request.payload.digest();
    let action = Action::Sign {
        key: request.key,
        epoch: request.epoch,
        path: request.path.clone(),
        payload: request.payload.clone(),
    };
    let intent = requester.intent(action, jti)?;
    let started = std::time::Instant::now();
    let path = Requester::signature_path(request.key);
    let answer = requester.await_session(&path, &intent, wait, "signing")?;
    let elapsed = started.elapsed().as_millis();
    if answer["status"] != "completed" {
        return Ok(answer);
    }
    signed(&answer, key, request, &digest, elapsed)
}

/// The signature in the client's own words, from what it verified.
fn signed(
    answer: &Value,
    key: &VerifiedKey,
    request: &Request,
    digest: &Digest,
    elapsed: u128,
) -> Outcome<Value> {
    let (signature, public_key) = verify::signature(answer, key, &request.path, digest)?;
    let der = signature.der().map_err(Failure::verification)?;
    Ok(json!({
        "session_id": answer["session_id"],
        "status": "completed",
        "signers": answer["signers"],
        "digest": digest,
        "public_key": public_key,
        "ethereum_address": verify::address(&public_key)?,
        "r": signature.r,
        "s": signature.s,
        "v": signature.v,
        "compact": signature.compact(),
        "der": hex::encode(der),
        "elapsed_ms": u64::try_from(elapsed).unwrap_or(u64::MAX),
    }))
}

fn shown(answer: &Value) -> String {
    if answer["status"] != "completed" {
        return format!(
            "{}\n\nStill at work. Follow it with: countersign session show --follow {}",
            output::fields(answer, &["session_id", "status"]),
            output::plain(&answer["session_id"])
        );
    }
    format!(
        "{}\n\nVerified here, against the key's own receipts.",
        output::fields(
            answer,
            &[
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
                "elapsed_ms"
            ]
        )
    )
}
