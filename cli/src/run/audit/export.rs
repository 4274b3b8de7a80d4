//! `countersign audit export`

use std::path::Path;

use countersign_audit::bundle::Header;
use countersign_audit::{ExportError, PersonalKeyMap, export_with_keys};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::source::OpenLog;
use crate::args::SourceArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) async fn run(
    args: &SourceArgs,
    out: &Path,
    with_personal_keys: bool,
    as_json: bool,
) -> Outcome {
    if with_personal_keys && args.place.url.is_some() {
        return Err(Failure::usage(
            "--with-personal-keys goes with --data-dir or --database: a server does not hand keys \
             out",
        ));
    }
    let log = OpenLog::open(args).await?;
    let (to, checkpoints) = log.signed().await?;
    let made_by = concat!("countersign ", env!("CARGO_PKG_VERSION"));
    let header = Header::new(made_by, log.key.name(), to, vec![log.key.clone()]);
    let bar = ProgressBar::new(to);
    if as_json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let keys = if with_personal_keys {
        log.personal_keys().await?
    } else {
        PersonalKeyMap::new()
    };
    let progress = |position, to| {
        bar.set_length(to);
        bar.set_position(position);
    };
    let exported = export_with_keys(&*log.source, out, header, &checkpoints, &keys, progress).await;
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
        "personal_keys": keys.len(),
        "key": log.key.to_string(),
        "resumed_after": exported.resumed_after,
    });
    if exported.footer.events > signed_through {
        eprintln!(
            "warning: {} events are not signed yet: {} and export again",
            exported.footer.events - signed_through,
            match &args.place.data_dir {
                Some(root) => format!(
                    "run `countersign audit checkpoint --data-dir {}`",
                    root.display()
                ),
                None => "see whether a projector signs checkpoints".to_owned(),
            }
        );
    }
    output::either(as_json, &told, |told| {
        let names = [
            "file",
            "events",
            "checkpoints",
            "signed_through",
            "personal_keys",
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
