//! `countersign config …`

use serde_json::{Value, json};

use crate::args::{ConfigArgs, ConfigCommand};
use crate::config::{Loaded, Problem, Role};
use crate::failure::{Failure, Kind, Outcome};
use crate::output;

pub(super) fn run(command: &ConfigCommand, json: bool) -> Outcome {
    match command {
        ConfigCommand::Check { config, role } => check(config, *role, json),
        ConfigCommand::Show { config } => show(config, json),
    }
}

fn check(args: &ConfigArgs, role: Option<Role>, as_json: bool) -> Outcome {
    let loaded = Loaded::read(&args.sources(vec![]));
    let mut problems = loaded.problems.clone();
    if let Some(role) = role {
        problems.extend(loaded.missing(role));
    }
    // What each role would lack is no problem of a configuration for another one.
    let roles: serde_json::Map<String, Value> = Role::ALL
        .into_iter()
        .filter(|one| role.is_none_or(|role| role == *one))
        .map(|role| {
            (
                role.to_string(),
                loaded.missing(role).iter().map(document).collect(),
            )
        })
        .collect();
    let told = json!({
        "ok": problems.is_empty(),
        "problems": problems.iter().map(document).collect::<Vec<_>>(),
        "missing": roles,
    });
    if problems.is_empty() {
        return output::either(as_json, &told, right);
    }
    if as_json {
        output::json(&told)?;
    }
    let error = crate::config::ConfigError { problems };
    Err(Failure::new(Kind::Usage, error.to_string()))
}

fn document(problem: &Problem) -> Value {
    json!({ "field": problem.field, "message": problem.message })
}

fn right(told: &Value) -> String {
    let mut text = "configuration: nothing is wrong".to_owned();
    for (role, missing) in told["missing"].as_object().into_iter().flatten() {
        let fields: Vec<_> = missing
            .as_array()
            .into_iter()
            .flatten()
            .map(|problem| output::plain(&problem["field"]))
            .collect();
        let said = if fields.is_empty() {
            "complete".to_owned()
        } else {
            format!("lacks {}", fields.join(", "))
        };
        text.push_str(&format!("\n  {role:<10} {said}"));
    }
    text
}

fn show(args: &ConfigArgs, as_json: bool) -> Outcome {
    let loaded = Loaded::read(&args.sources(vec![]));
    let fields: Vec<_> = loaded
        .fields
        .iter()
        .map(|field| {
            json!({
                "field": field.name,
                "value": field.shown,
                "source": field.origin.to_string(),
            })
        })
        .collect();
    output::either(as_json, &Value::Array(fields), shown)?;
    if loaded.problems.is_empty() {
        return Ok(());
    }
    let problems = loaded.problems;
    let error = crate::config::ConfigError { problems };
    Err(Failure::new(Kind::Usage, error.to_string()))
}

fn shown(fields: &Value) -> String {
    let rows: Vec<_> = fields
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| {
            let value = field["value"].as_str().unwrap_or("-").to_owned();
            vec![
                output::plain(&field["field"]),
                value,
                output::plain(&field["source"]),
            ]
        })
        .collect();
    output::table(&["FIELD", "VALUE", "SOURCE"], &rows)
}
