//! Signing: the vault first, then the rounds, then the signature, durable before
//! anybody hears of it.

use std::sync::Arc;

use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::path::DerivationPath;
use countersign_domain::signature::Signature;
use countersign_messaging::progress::Phase;

use super::{Attempt, Begun};
use crate::engine::{EngineSignature, Outcome, SignInput};
use crate::exchange::Exchange;
use crate::worker::drive::{Drive, Stop};
use crate::worker::pool::Lane;
use crate::worker::post::Post;
use crate::worker::refusal::Refusal;
use crate::worker::seat::Seat;
use crate::worker::verify::{Accepted, Work};

pub(super) async fn run(
    attempt: &Attempt<'_>,
    path: &DerivationPath,
    public_key: PublicKey,
    digest: Digest,
) -> Result<(), Stop> {
    if let Work::Sign {
        signature: Some(signature),
        ..
    } = attempt.accepted.work
    {
        attempt.report_again(signature.into()).await;
        return Ok(());
    }
    let id = attempt.ceremony(digest, path);
    let post = attempt.post();
    let span = tracing::info_span!(
        "party.sign.round",
        party = %attempt.context.party,
        session = %attempt.accepted.session,
        attempt = attempt.number,
        round = 1u8,
    );
    let mut drive = attempt.drive(Lane::Sign, &post, span);
    // The first step is computed while the disk writes, but nothing of it leaves
    // before the vault has agreed: dropped, it was never said.
    let (begun, first) = tokio::join!(
        attempt.begin(digest, id),
        drive.sit(seat(attempt, &post, id))
    );
    if begun? == Begun::Finished {
        return finished(attempt).await;
    }
    let first = first?.map_err(|error| attempt.failed(error.to_string()))?;
    let mut outcome = drive.settle(first).await?.outcome;
    let signature = loop {
        match outcome {
            Some(Outcome::Signature(signature)) => break signature,
            Some(Outcome::Key(_)) => return Err(attempt.failed("the engine made a key")),
            None => outcome = drive.next().await?.outcome,
        }
    };
    let signature = keep(attempt, &signature, public_key).await?;
    attempt.context.stats.attempts_done.increment();
    drive.enter(Phase::Done).await;
    hand_in(attempt, &mut drive, signature).await;
    Ok(())
}

/// How the seat is made, in the pool: decoding a share is work.
fn seat(
    attempt: &Attempt<'_>,
    post: &Arc<Post>,
    id: Digest,
) -> impl FnOnce() -> Result<Seat, crate::engine::EngineError> + Send + 'static {
    let engine = Arc::clone(&attempt.engine);
    let accepted: Arc<Accepted> = Arc::clone(attempt.accepted);
    let post = Arc::clone(post);
    let signers = attempt.indices();
    move || {
        let Work::Sign {
            share: unsealed,
            path,
            digest,
            ..
        } = &accepted.work
        else {
            unreachable!("a signing attempt is made of a signing session");
        };
        let ceremony = engine.sign(SignInput {
            share: &unsealed.share,
            signers: &signers,
            path: path.steps(),
            digest: digest.0,
            ceremony_id: id.0,
        })?;
        let peers = post.peers().collect();
        Ok(Seat::new(Exchange::new(ceremony, accepted.me, peers), post))
    }
}

fn domain_form(signature: &EngineSignature) -> Signature {
    Signature {
        r: Hex(signature.r),
        s: Hex(signature.s),
        v: signature.v,
    }
}

/// Stores the signature, which the engine has verified, if it is of the key that was
/// asked for: whatever happens next, this session will never come to another.
async fn keep(
    attempt: &Attempt<'_>,
    made: &EngineSignature,
    public_key: PublicKey,
) -> Result<Signature, Stop> {
    if made.public_key != public_key.0 {
        return Err(attempt.failed("the engine signed with another key"));
    }
    let signature = domain_form(made);
    let json = serde_json::to_vec(&signature).expect("a tree of strings and numbers");
    let vault = &attempt.context.vault;
    vault
        .finish_async(attempt.accepted.session, &json)
        .await
        .map_err(|error| attempt.failed(error.to_string()))?;
    Ok(signature)
}

/// Reports the signature. One report is enough: the first signer makes it, and the
/// others only if nothing has come of that for a moment.
async fn hand_in(attempt: &Attempt<'_>, drive: &mut Drive<'_>, signature: Signature) {
    let before_me = attempt
        .signers
        .iter()
        .filter(|member| member.index < attempt.accepted.me)
        .count();
    let turn = u32::try_from(before_me).unwrap_or(u32::MAX);
    let pause = attempt.context.limits.report_stagger.saturating_mul(turn);
    drive
        .linger(async {
            tokio::time::sleep(pause).await;
            attempt.report(signature.into()).await;
        })
        .await;
}

/// The session was finished in an earlier attempt.
async fn finished(attempt: &Attempt<'_>) -> Result<(), Stop> {
    let session = attempt.accepted.session;
    let stored = attempt
        .vault(move |vault| vault.finished(session))
        .await?
        .map_err(|error| attempt.refused(Refusal::Vault(error)))?;
    let signature: Option<Signature> = stored.and_then(|json| serde_json::from_slice(&json).ok());
    let signature = signature.ok_or_else(|| attempt.failed("the stored result is unreadable"))?;
    attempt.report_again(signature.into()).await;
    Ok(())
}
