//! The answer to a request that starts a session: its result, if the client
//! waited long enough, or where to look for it.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_domain::bytes::PublicKey;
use countersign_domain::session::{SessionState, SessionStatus};
use countersign_domain::signature::ethereum_address;
use serde_json::{Value, json};

use super::prefer::Wait;
use super::problem::{Code, Problem};
use crate::service::{Commands, SessionRef, SessionResult};

const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(super) async fn session(
    commands: &Commands,
    session: &SessionRef,
    wait: &Wait,
) -> Result<Response, Problem> {
    let result = commands.result(session, wait.patience()).await?;
    let mut response = match result {
        SessionResult::Open { status, position } => open(session, status, position)?,
        SessionResult::Key {
            facts,
            public,
            epoch,
            receipts,
            position,
        } => Json(json!({
            "session_id": session.session,
            "key_id": facts.key,
            "account_id": facts.account,
            "kind": session.kind,
            "status": "completed",
            "engine": facts.engine,
            "threshold": facts.quorum.threshold(),
            "parties": facts.quorum.parties(),
            "epoch": epoch,
            "public_key": public.public_key,
            "chain_code": public.chain_code,
            "ethereum_address": address(&public.public_key)?,
            "roster": facts.roster,
            "members": facts.members,
            "receipts": receipts,
            "position": position,
        }))
        .into_response(),
        SessionResult::Signed { state, position } => {
            Json(signed(&state, position)?).into_response()
        }
        SessionResult::Ended {
            status,
            reason,
            detail,
        } => ended(session, status, &reason, detail).into_response(),
    };
    if let Some(seconds) = wait.0
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={seconds}"))
    {
        response.headers_mut().insert(APPLIED, applied);
    }
    Ok(response)
}

fn open(session: &SessionRef, status: SessionStatus, position: u64) -> Result<Response, Problem> {
    let body = json!({
        "session_id": session.session,
        "key_id": session.key,
        "kind": session.kind,
        // A key generation ends with its key, a moment after its session.
        "status": if status.is_final() { SessionStatus::InProgress } else { status },
        "position": position,
    });
    let location =
        HeaderValue::from_str(&format!("/v1/sessions/{}", session.session)).map_err(|_| fault())?;
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn signed(state: &SessionState, position: u64) -> Result<Value, Problem> {
    let (Some(sign), Some(signature)) = (&state.asked.sign, &state.signature) else {
        return Err(fault());
    };
    Ok(json!({
        "session_id": state.asked.session,
        "key_id": state.asked.key,
        "kind": state.asked.kind,
        "status": "completed",
        "signers": state.signers,
        "attempts": state.attempt,
        "digest": sign.digest,
        "path": sign.path,
        "public_key": sign.public_key,
        "ethereum_address": address(&sign.public_key)?,
        "signature": {
            "r": signature.r,
            "s": signature.s,
            "v": signature.v,
            "compact": signature.compact(),
            "der": hex::encode(signature.der().map_err(|_| fault())?),
        },
        "position": position,
    }))
}

fn ended(session: &SessionRef, status: SessionStatus, reason: &str, detail: String) -> Problem {
    let code = match status {
        SessionStatus::Expired => Code::SessionExpired,
        SessionStatus::Cancelled => Code::SessionCancelled,
        _ => Code::SessionFailed,
    };
    Problem::new(code, detail)
        .with("session_id", json!(session.session))
        .with("reason", json!(reason))
}

fn address(public_key: &PublicKey) -> Result<String, Problem> {
    ethereum_address(public_key).map_err(|_| fault())
}

fn fault() -> Problem {
    Problem::new(Code::Internal, "this is a fault of the server")
}
