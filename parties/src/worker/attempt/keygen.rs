//! Key generation: the rounds, the share sealed on disk, the result confirmed
//! among all parties, and only then the receipt.
//!
//! A share without a receipt is worth nothing to anybody and is discarded when
//! its attempt fails. A share with one may be all that stands for a key that is
//! in use, so nothing discards it, and the session gets no other attempt here.

mod agreement;

use std::sync::Arc;

use countersign_domain::auth_key::AuthKey;
use countersign_domain::bytes::{Digest, Hex};
use countersign_domain::path::DerivationPath;
use countersign_domain::receipt::{Receipt, Statement};
use countersign_messaging::party_command::PartyAction;
use countersign_messaging::progress::Phase;

use super::{Attempt, Begun};
use crate::engine::{EngineError, GeneratedKey, KeygenInput, Outcome};
use crate::exchange::Exchange;
use crate::vault::{ShareRecord, VaultError};
use crate::worker::drive::{Drive, Stop};
use crate::worker::pool::Lane;
use crate::worker::post::Post;
use crate::worker::refusal::Refusal;
use crate::worker::seat::Seat;

pub(super) async fn run(
    attempt: &Attempt<'_>,
    intent: Digest,
    auth_key: &AuthKey,
) -> Result<(), Stop> {
    if let Some(receipt) = earlier(attempt).await? {
        return again(attempt, receipt).await;
    }
    let id = attempt.ceremony(intent, &DerivationPath::default());
    let post = attempt.post();
    let span = tracing::info_span!(
        "party.keygen.round",
        party = %attempt.context.party,
        session = %attempt.accepted.session,
        attempt = attempt.number,
        round = 1u8,
    );
    let mut drive = attempt.drive(Lane::Keygen, &post, span);
    let (begun, first) = tokio::join!(
        attempt.begin(intent, id),
        drive.sit(seat(attempt, &post, id))
    );
    if begun? == Begun::Finished {
        return Err(attempt.refused(Refusal::ReceiptSigned));
    }
    let first = first?.map_err(|error| attempt.failed(error.to_string()))?;
    let mut outcome = drive.settle(first).await?.outcome;
    let generated = loop {
        match outcome {
            Some(Outcome::Key(generated)) => break generated,
            Some(Outcome::Signature(_)) => return Err(attempt.failed("the engine signed")),
            None => outcome = drive.next().await?.outcome,
        }
    };
    let statement = statement(attempt, &generated, auth_key);
    drive.enter(Phase::Sealing).await;
    seal(attempt, generated, &statement, auth_key).await?;
    match confirmed(attempt, &mut drive, &statement).await {
        Ok(receipt) => {
            attempt.context.stats.attempts_done.increment();
            drive.enter(Phase::Done).await;
            let report = attempt.report(PartyAction::Receipt { receipt });
            drive.linger(report).await;
            Ok(())
        }
        Err(stop) => {
            discard(attempt).await?;
            Err(stop)
        }
    }
}

/// What is left of an earlier attempt of this session: a receipt, which stands, or
/// a share that nobody has a receipt for, which goes.
async fn earlier(attempt: &Attempt<'_>) -> Result<Option<String>, Stop> {
    let session = attempt.accepted.session;
    let looked_up = attempt
        .vault(move |vault| {
            let Some(record) = vault.share_of_session(session)? else {
                return Ok(None);
            };
            if record.receipt.is_none() {
                vault.discard_share(record.key, record.epoch)?;
            }
            Ok(record.receipt)
        })
        .await?;
    looked_up.map_err(|error: VaultError| attempt.refused(Refusal::Vault(error)))
}

/// Hands in an earlier receipt, if it is of this attempt.
async fn again(attempt: &Attempt<'_>, receipt: String) -> Result<(), Stop> {
    let accepted = attempt.accepted;
    if accepted.attempt_of(&receipt) != Some(attempt.number) {
        return Err(attempt.refused(Refusal::ReceiptSigned));
    }
    attempt.report_again(PartyAction::Receipt { receipt }).await;
    Ok(())
}

fn seat(
    attempt: &Attempt<'_>,
    post: &Arc<Post>,
    id: Digest,
) -> impl FnOnce() -> Result<Seat, EngineError> + Send + 'static {
    let engine = Arc::clone(&attempt.engine);
    let post = Arc::clone(post);
    let input = KeygenInput {
        threshold: attempt.accepted.quorum.threshold(),
        parties: attempt.accepted.quorum.parties(),
        me: attempt.accepted.me,
        ceremony_id: id.0,
    };
    move || {
        let ceremony = engine.keygen(input)?;
        let peers = post.peers().collect();
        Ok(Seat::new(Exchange::new(ceremony, input.me, peers), post))
    }
}

fn statement(attempt: &Attempt<'_>, generated: &GeneratedKey, auth_key: &AuthKey) -> Statement {
    let accepted = attempt.accepted;
    Statement {
        key: accepted.key,
        session: accepted.session,
        attempt: attempt.number,
        account: accepted.account,
        engine: accepted.engine,
        quorum: accepted.quorum,
        epoch: accepted.epoch,
        roster: accepted.roster,
        public_key: Hex(generated.public_key),
        chain_code: Hex(generated.chain_code),
        auth_key: auth_key.thumbprint(),
        broadcasts: Hex(generated.broadcast_hash),
    }
}

/// Seals the share with everything that is pinned beside it; durable.
async fn seal(
    attempt: &Attempt<'_>,
    generated: GeneratedKey,
    statement: &Statement,
    auth_key: &AuthKey,
) -> Result<(), Stop> {
    let accepted = attempt.accepted;
    let record = ShareRecord {
        key: accepted.key,
        account: accepted.account,
        epoch: accepted.epoch,
        engine: accepted.engine,
        quorum: accepted.quorum,
        me: accepted.me,
        members: accepted.members.clone(),
        roster: accepted.roster,
        public_key: statement.public_key,
        chain_code: statement.chain_code,
        auth_key: serde_json::to_value(auth_key).expect("a JWK is a tree of strings"),
        session: accepted.session,
        receipt: None,
    };
    let stored = attempt
        .vault(move |vault| vault.put_share(&record, generated.share.expose()))
        .await?;
    stored.map_err(|error| attempt.refused(Refusal::Vault(error)))
}

/// Compares the result with everybody's, and signs the receipt for it.
async fn confirmed(
    attempt: &Attempt<'_>,
    drive: &mut Drive<'_>,
    statement: &Statement,
) -> Result<String, Stop> {
    drive.enter(Phase::Confirming).await;
    agreement::reach(attempt, drive, statement).await?;
    let receipt = Receipt {
        party: attempt.context.party.clone(),
        index: attempt.accepted.me,
        statement: statement.clone(),
    };
    let keys = Arc::clone(&attempt.context.keys);
    let (key, epoch) = (attempt.accepted.key, attempt.accepted.epoch);
    let signed = attempt
        .vault(move |vault| {
            let token = receipt
                .sign(&keys.sign)
                .map_err(|error| error.to_string())?;
            vault
                .set_receipt(key, epoch, &token)
                .map_err(|error| error.to_string())?;
            Ok::<_, String>(token)
        })
        .await?;
    signed.map_err(|error| attempt.failed(error))
}

async fn discard(attempt: &Attempt<'_>) -> Result<(), Stop> {
    let (key, epoch) = (attempt.accepted.key, attempt.accepted.epoch);
    let discarded = attempt
        .vault(move |vault| vault.discard_share(key, epoch))
        .await?;
    discarded.map_err(|error| attempt.refused(Refusal::Vault(error)))
}
