//! `countersign diff`

use countersign_projections::history::{ChangeKind, Changed, Changes, Field};
use serde_json::{Value, json};

use super::past_log::{PastLog, failed, with_log};
use crate::args::DiffArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Longest text of a value that is shown as it is.
const LONG: usize = 60;

/// Fields that change with every event.
const ALWAYS: [&str; 3] = ["position", "version", "updated_at"];

pub(super) fn run(args: &DiffArgs, as_json: bool) -> Outcome {
    with_log(&args.log, async |past| show(args, &past, as_json).await)
}

async fn show(args: &DiffArgs, past: &PastLog, as_json: bool) -> Outcome {
    let from = past.resolve("FROM", args.from).await?;
    let to = past.resolve("TO", args.to).await?;
    if from > to {
        return Err(Failure::usage(format!(
            "FROM is position {from}, which comes after TO, position {to}: turn them round"
        )));
    }
    let changes = past.history.changes(from, to, |_| {});
    let changes = changes.await.map_err(|e| failed(&e))?;
    if as_json {
        output::json(&json!(changes))
    } else {
        output::line(&text(&changes))
    }
}

fn text(changes: &Changes) -> String {
    let mut text = format!("positions {} to {}", changes.from, changes.to);
    if changes.changed.is_empty() {
        text.push_str(": nothing was made or changed");
    }
    for changed in &changes.changed {
        text.push('\n');
        text.push_str(&one(changed));
    }
    text
}

fn one(changed: &Changed) -> String {
    let word = match changed.change {
        ChangeKind::Made => "made",
        ChangeKind::Changed => "changed",
    };
    let events: Vec<_> = changed
        .events
        .iter()
        .map(|(name, count)| match count {
            1 => name.clone(),
            count => format!("{count} × {name}"),
        })
        .collect();
    let mut text = format!(
        "\n{} {} {word}: {}",
        changed.kind.name(),
        changed.id,
        events.join(", ")
    );
    if changed.parked {
        text.push_str("\n  an event of it cannot be decoded: it is shown as before that");
    }
    for line in field_lines(&changed.fields) {
        text.push_str("\n  ");
        text.push_str(&line);
    }
    text
}

/// A line for each field that says something.
pub(super) fn field_lines<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a Field)>,
) -> Vec<String> {
    let told = fields
        .into_iter()
        .filter(|(name, _)| !ALWAYS.contains(&name.as_str()));
    let line = |(name, field): (&String, &Field)| {
        let to = value(field.to.as_ref());
        match &field.from {
            None => format!("{name}: {to}"),
            from => format!("{name}: {} → {to}", value(from.as_ref())),
        }
    };
    told.map(line).collect()
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "none".to_owned();
    };
    let text = output::plain(value);
    match (value, text.char_indices().nth(LONG)) {
        (Value::Array(items), Some(_)) => format!("[{} items]", items.len()),
        (_, Some((end, _))) => format!("{}…", &text[..end]),
        (_, None) => text,
    }
}
