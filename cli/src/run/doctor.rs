//! `countersign doctor`: is everything there that a deployment needs, and what is to
//! be done where it is not.
//!
//! It changes nothing, and says nothing secret.

mod bus;
mod database;
mod parties;
mod report;
mod vault;

use serde_json::{Value, json};

use crate::args::DoctorArgs;
use crate::config::{Config, Loaded, Role};
use crate::failure::{Failure, Outcome};
use crate::output;
use report::{Report, Status};

pub(super) fn run(args: &DoctorArgs, as_json: bool) -> Outcome {
    let loaded = Loaded::read(&args.config.sources(vec![]));
    let mut report = Report::default();
    configuration(&loaded, args.role, &mut report);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(examine(&loaded.config, args.role, &mut report));
    let failed = report.count(Status::Fail);
    let told = json!({ "ok": failed == 0, "checks": report.checks });
    output::either(as_json, &told, text)?;
    match failed {
        0 => Ok(()),
        1 => Err(Failure::internal("1 check failed")),
        more => Err(Failure::internal(format!("{more} checks failed"))),
    }
}

fn configuration(loaded: &Loaded, role: Option<Role>, report: &mut Report) {
    let missing = role.map(|role| loaded.missing(role)).unwrap_or_default();
    for problem in loaded.problems.iter().chain(&missing) {
        report.fail("configuration", problem.to_string(), "");
    }
    if loaded.problems.is_empty() && missing.is_empty() {
        let what = match role {
            Some(role) => format!("complete for `{role}`"),
            None => "nothing is wrong with what is given".to_owned(),
        };
        report.ok("configuration", what);
    }
}

async fn examine(config: &Config, role: Option<Role>, report: &mut Report) {
    let is = |roles: &[Role]| role.is_none_or(|role| roles.contains(&role));
    let with_database = [
        Role::Migrate,
        Role::Commands,
        Role::Projector,
        Role::ReadApi,
        Role::Webhooks,
    ];
    let with_bus = [Role::Commands, Role::Projector, Role::ReadApi, Role::Party];
    let with_roster = [Role::Commands, Role::ReadApi, Role::Party];

    let roster = match &config.roster {
        Some(path) if is(&with_roster) => parties::roster(path, report),
        _ => None,
    };
    if is(&[Role::Party]) && config.party.vault.is_some() {
        vault::check(config, roster.as_ref(), report);
    }
    let mut head = None;
    if is(&with_database) && config.database.url.is_some() {
        let projections = role.is_none_or(|role| role != Role::Migrate);
        head = database::check(config, projections, report).await;
    }
    if is(&with_bus) && !config.nats.urls.is_empty() {
        bus::check(config, role, head, roster, report).await;
    }
    if report.checks.len() == 1 && report.count(Status::Fail) == 0 {
        let cure = "name the configuration with --config, or set COUNTERSIGN_… as for the role";
        report.fail("deployment", "nothing to reach is configured", cure);
    }
}

fn text(told: &Value) -> String {
    let lines: Vec<_> = told["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|check| {
            let status = output::plain(&check["status"]);
            let status = if status == "fail" { "FAIL" } else { &status };
            let line = format!(
                "{status:<4} {:<14} {}",
                output::plain(&check["check"]),
                output::plain(&check["said"])
            );
            match check["cure"].as_str() {
                Some(cure) => format!("{line}: {cure}"),
                None => line,
            }
        })
        .collect();
    lines.join("\n")
}
