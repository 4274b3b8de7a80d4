//! `countersign audit prove`

use countersign_audit::{NoProof, prove, prove_from_bundle};

use super::source::OpenLog;
use super::{readable, wait};
use crate::args::ProofSource;
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(position: u64, source: &ProofSource) -> Outcome {
    let document = match &source.bundle {
        Some(bundle) => {
            readable(bundle)?;
            prove_from_bundle(bundle, position).map_err(failed)
        }
        None => wait(async {
            let log = OpenLog::open(&source.log).await?;
            let newest = log.newest().await?;
            let newest = newest.ok_or(NoProof::NoCheckpoint).map_err(failed)?;
            let keys = vec![log.key.clone()];
            let proof = prove(&*log.source, position, &newest, keys).await;
            proof.map_err(failed)
        }),
    }?;
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    output::json(&value)
}

fn failed(error: NoProof) -> Failure {
    match error {
        NoProof::NotCovered { .. } => Failure::usage(error),
        error => Failure::data(error),
    }
}
