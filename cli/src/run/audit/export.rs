//! `countersign audit export`

use std::path::Path;

use countersign_audit::bundle::Header;
use countersign_audit::{ExportError, export};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::source::OpenLog;
use crate::args::SourceArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) async fn run(args: &SourceArgs, out: &Path, as_json: bool) -> Outcome {
    let log = OpenLog::in_directory(&args.data_dir).await?;
    let (to, checkpoints) = log.signed().await?;
    let made_by = concat!("countersign ", env!("CARGO_PKG_VERSION"));
    let header = Header::new(made_by, log.key.name(), to, vec![log.key.clone()]);
    let bar = ProgressBar::new(to);
    if as_json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let exported = export(&*log.source, out, header, &checkpoints, |position, to| {
        bar.set_length(to);
        bar.set_position(position);
    })
    .await;
    bar.finish_and_clear();
    let exported = exported.map_err(failed)?;
    let signed_through = checkpoints
        .last()
        .map_or(0, |newest| newest.checkpoint().size);
    let told = json!({
        "file": out.display().to_string(),
        "origin": exported.header.origin,
        "events": exported.footer.events,
        "checkpoints": exported.footer.checkpoints,
        "root": hex::encode(exported.footer.root),
        "signed_through": signed_through,
        "key": log.key.to_string(),
        "resumed_after": exported.resumed_after,
    });
    if exported.footer.events > signed_through {
        eprintln!(
            "warning: {} events are not signed yet: run `countersign audit checkpoint --data-dir \
             {}` and export again",
            exported.footer.events - signed_through,
            args.data_dir.display(),
        );
    }
    output::either(as_json, &told, |told| {
        let names = [
            "file",
            "events",
            "checkpoints",
            "signed_through",
            "resumed_after",
            "key",
        ];
        format!(
            "{}\n\nVerify it anywhere: countersign audit verify {} --key <the key, from a place \
             that you trust>",
            output::fields(told, &names),
            out.display()
        )
    })
}

fn failed(error: ExportError) -> Failure {
    match error {
        ExportError::Log(error) => Failure::data(error),
        error => Failure::usage(error),
    }
}
