//! What goes to stdout.

use std::io::Write as _;

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Prints one JSON document on a line of its own.
pub(crate) fn json(value: &Value) -> Outcome {
    line(&value.to_string())
}

/// Prints a line. A reader that went away (`| head`) ends the command.
pub(crate) fn line(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(Failure::internal),
    }
}

/// Prints JSON, or what `text` makes of it.
pub(crate) fn either(as_json: bool, value: &Value, text: impl FnOnce(&Value) -> String) -> Outcome {
    if as_json {
        json(value)
    } else {
        line(&text(value))
    }
}

/// Lines of `name  value` for the fields that are there.
pub(crate) fn fields(value: &Value, names: &[&str]) -> String {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let shown = names.iter().filter_map(|name| {
        let text = match &value[*name] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        let label = name.replace('_', " ");
        Some(format!("{label:<width$}  {text}"))
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// A JSON value without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// A table with padded columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let format_row = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![format_row(&mut head.iter().copied())];
    for row in rows {
        lines.push(format_row(&mut row.iter().map(String::as_str)));
    }
    lines.join("\n")
}
