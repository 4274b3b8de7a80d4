//! `countersign audit verify`

use std::path::Path;

use countersign_audit::bundle::{Header, Lines};
use countersign_audit::verify::{
    Depth, Fault, Summary, Trust, Verifier, verify_bundle, verify_unreadable,
};
use countersign_audit::{InclusionDocument, SignedCheckpoint, VerifierKey};
use serde_json::{Value, json};

use super::source::OpenLog;
use super::{readable, wait};
use crate::args::VerifyArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

/// How many events are read at once.
const PAGE: usize = 2000;

pub(super) fn run(args: &VerifyArgs, as_json: bool) -> Outcome {
    let trust = Trust {
        keys: keys(&args.key)?,
        witnesses: keys(&args.witness)?,
        seen: args
            .checkpoint
            .iter()
            .map(|path| checkpoint(path))
            .collect::<Outcome<_>>()?,
    };
    let depth = if args.structure_only {
        Depth::Structure
    } else {
        Depth::Meaning
    };
    let verified = match (&args.file, url(args.file.as_deref())) {
        (Some(file), None) => {
            readable(file)?;
            if let Some(proof) = proof(file) {
                return verify_proof(&proof, &trust, as_json);
            }
            verify_bundle(file, &trust, depth)
        }
        (_, url) => wait(async {
            let log = match url {
                Some(url) => OpenLog::at(url).await?,
                None => OpenLog::open(&args.log).await?,
            };
            verify_log(&log, &trust, depth).await
        })?,
    };
    match verified {
        Ok(summary) => told(&summary, as_json),
        Err(fault) => {
            if as_json {
                output::json(&json!({ "verified": false, "fault": fault.to_json() }))?;
            }
            Err(Failure::fault(format!("not verified: {fault}")))
        }
    }
}

fn told(summary: &Summary, as_json: bool) -> Outcome {
    let mut value = serde_json::to_value(summary).map_err(Failure::internal)?;
    value["verified"] = true.into();
    output::either(as_json, &value, |value| {
        let names = [
            "origin",
            "events",
            "streams",
            "accounts",
            "registrations_opened",
            "registrations_sealed",
            "accounts_erased",
            "keys",
            "sessions",
            "checkpoints",
            "signed_through",
            "signed_by",
            "root",
            "signatures",
            "events_per_second",
            "signatures_per_second",
        ];
        let mut text = format!("verified\n{}", output::fields(value, &names));
        for witness in &summary.witnesses {
            text.push_str(&format!(
                "\nwitness {}: through position {}",
                witness.witness, witness.through
            ));
        }
        for remark in &summary.remarks {
            text.push_str(&format!("\nnote: {remark}"));
        }
        text
    })
}

/// The argument, when it is a URL and no file.
fn url(file: Option<&Path>) -> Option<&str> {
    let text = file?.to_str()?;
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    is_url.then_some(text)
}

/// Checks a log itself.
async fn verify_log(log: &OpenLog, trust: &Trust, depth: Depth) -> Outcome<Result<Summary, Fault>> {
    let (to, checkpoints) = log.signed().await?;
    let header = Header::new("", log.key.name(), to, vec![log.key.clone()]);
    let mut verifier = match Verifier::new(header, &checkpoints, trust, depth) {
        Ok(verifier) => verifier.with_personal_keys(log.personal_keys().await?),
        Err(fault) => return Ok(Err(fault)),
    };
    let mut after = 0;
    while after < to {
        let left = usize::try_from(to - after).unwrap_or(PAGE);
        let page = match log.source.read(after, left.min(PAGE)).await {
            Ok(page) if page.is_empty() => break,
            Ok(page) => page,
            Err(error) => return Ok(Err(verify_unreadable(after, &error))),
        };
        let mut lines = Lines::default();
        for event in &page {
            after = event.position;
            lines.push(&event.canonical());
        }
        if let Err(fault) = verifier.check(&lines) {
            return Ok(Err(fault));
        }
    }
    Ok(verifier.finish(None))
}

fn verify_proof(proof: &InclusionDocument, trust: &Trust, as_json: bool) -> Outcome {
    match proof.verify(&trust.keys) {
        Ok(event) => {
            let value = json!({
                "verified": true,
                "position": proof.position,
                "stream": event.stream.to_string(),
                "event_type": event.event_type,
                "size": proof.inclusion.size,
                "leaf_hash": hex::encode(proof.leaf_hash),
                "pinned": !trust.keys.is_empty(),
            });
            output::either(as_json, &value, |value| {
                let names = ["position", "event_type", "stream", "size", "leaf_hash"];
                let note = if trust.keys.is_empty() {
                    "\nnote: not pinned: the key is the one in the proof itself; verify with --key"
                } else {
                    ""
                };
                format!("verified\n{}{note}", output::fields(value, &names))
            })
        }
        Err(fault) => {
            if as_json {
                let fault = json!({ "position": proof.position, "reason": fault.to_string() });
                output::json(&json!({ "verified": false, "fault": fault }))?;
            }
            Err(Failure::fault(format!("not verified: {fault}")))
        }
    }
}

/// The document, when the file is one and no bundle.
fn proof(path: &Path) -> Option<InclusionDocument> {
    let mut start = [0];
    let mut file = std::fs::File::open(path).ok()?;
    std::io::Read::read_exact(&mut file, &mut start).ok()?;
    if start != *b"{" {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Keys as they are, or in files.
fn keys(given: &[String]) -> Outcome<Vec<VerifierKey>> {
    given.iter().map(|text| key(text)).collect()
}

fn key(given: &str) -> Outcome<VerifierKey> {
    let refused = |error| Failure::usage(format!("{given}: {error}"));
    match given.parse::<VerifierKey>() {
        Ok(key) => Ok(key),
        Err(error) if !Path::new(given).exists() => Err(refused(error)),
        Err(_) => {
            let text = std::fs::read_to_string(given)
                .map_err(|error| Failure::usage(format!("cannot read {given}: {error}")))?;
            text.trim().parse().map_err(refused)
        }
    }
}

/// A checkpoint, as a note or as `audit checkpoint --json` prints it.
fn checkpoint(path: &Path) -> Outcome<SignedCheckpoint> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    let document: Option<Value> = serde_json::from_str(&text).ok();
    let note = document.as_ref().and_then(|it| it["checkpoint"].as_str());
    SignedCheckpoint::parse(note.unwrap_or(&text))
        .map_err(|fault| Failure::usage(format!("{shown} is no checkpoint: {fault}")))
}
