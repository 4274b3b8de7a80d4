//! What people see of projections.

use serde_json::Value;

use crate::output::{plain, table};

/// How many rows that differ are told by name.
pub(super) const SHOWN: usize = 1000;

fn rows(items: &Value, names: &[&str]) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        value => plain(value),
    };
    items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| names.iter().map(|name| cell(&item[*name])).collect())
        .collect()
}

pub(super) fn versions(versions: &Value) -> String {
    let names = ["projection", "version", "state", "position", "created_at"];
    let head = ["PROJECTION", "VERSION", "STATE", "POSITION", "CREATED"];
    table(&head, &rows(versions, &names))
}

pub(super) fn statuses(statuses: &Value) -> String {
    let names = ["projection", "version", "position", "head", "lag", "parked"];
    let head = ["PROJECTION", "VERSION", "POSITION", "HEAD", "LAG", "PARKED"];
    let mut text = table(&head, &rows(statuses, &names));
    for status in statuses.as_array().into_iter().flatten() {
        for event in status["parked_events"].as_array().into_iter().flatten() {
            text.push_str(&format!(
                "\nparked in {}: {event}",
                plain(&status["projection"])
            ));
        }
    }
    text
}

pub(super) fn rebuilt(told: &Value) -> String {
    let names = ["projection", "version", "replaced", "position"];
    let head = ["PROJECTION", "VERSION", "REPLACED", "POSITION"];
    table(&head, &rows(&told["rebuilt"], &names))
}

pub(super) fn verified(told: &Value) -> String {
    let names = ["projection", "version", "position", "rows", "differences"];
    let head = ["PROJECTION", "VERSION", "POSITION", "ROWS", "DIFFERENCES"];
    let mut text = table(&head, &rows(&told["verified"], &names));
    for difference in told["differences"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\n{} {}: {}",
            plain(&difference["projection"]),
            plain(&difference["row"]),
            plain(&difference["deviation"])
        ));
    }
    match told["not_shown"].as_u64() {
        None | Some(0) => {}
        Some(more) => text.push_str(&format!("\n… and {more} more")),
    }
    text
}
