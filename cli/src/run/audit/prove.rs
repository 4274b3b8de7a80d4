//! `countersign audit prove`

use std::path::Path;

use countersign_audit::{NoProof, prove, prove_from_bundle};

use super::source::OpenLog;
use super::wait;
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(position: u64, data_dir: Option<&Path>, bundle: Option<&Path>) -> Outcome {
    let document = match (data_dir, bundle) {
        (_, Some(bundle)) => prove_from_bundle(bundle, position).map_err(failed),
        (Some(root), None) => wait(async {
            let log = OpenLog::in_directory(root).await?;
            let newest = log.newest()?.ok_or(NoProof::NoCheckpoint).map_err(failed)?;
            let keys = vec![log.key.clone()];
            let proof = prove(&*log.source, position, &newest, keys).await;
            proof.map_err(failed)
        }),
        (None, None) => Err(Failure::usage(
            "name the log: --data-dir DIR or --bundle FILE",
        )),
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
