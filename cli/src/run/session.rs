//! `countersign session …`

mod timeline;

use std::io::IsTerminal as _;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_domain::intent::Action;
use countersign_projections::timeline::SessionCourse;
use serde::Deserialize as _;
use serde_json::Value;

use crate::args::SessionCommand;
use crate::client::Server;
use crate::client::progress;
use crate::failure::{Failure, Kind, Outcome};
use crate::output;
use crate::terminal::Terminal;

/// How often a followed session is looked at.
const INTERVAL: Duration = Duration::from_millis(150);

pub(super) fn run(command: &SessionCommand, json: bool) -> Outcome {
    match command {
        SessionCommand::Show {
            session,
            follow,
            server,
        } => {
            let server = Server::new(server);
            let mut document = if *follow {
                followed(&server, *session)?
            } else {
                server.get(&path(*session))?
            };
            let course = server.get(&format!("{}/timeline", path(*session)))?;
            let drawn = SessionCourse::deserialize(&course)
                .map(|course| timeline::drawn(&course, &Terminal::stdout()))
                .map_err(|error| {
                    let said = format!("the server tells a timeline of another form: {error}");
                    Failure::new(Kind::Unavailable, said)
                })?;
            document["timeline"] = course;
            output::either(json, &document, |document| {
                format!("{}\n\n{drawn}", shown(document))
            })?;
            match document["status"].as_str() {
                Some(end @ ("failed" | "expired" | "cancelled")) if *follow => Err(Failure::new(
                    Kind::Session,
                    format!("session {session} {end}: {}", reason(&document)),
                )),
                _ => Ok(()),
            }
        }
        SessionCommand::Cancel {
            session,
            auth,
            server,
        } => {
            let requester = super::key::requester(auth, server)?;
            let action = Action::Cancel { session: *session };
            let answer = requester.send(&format!("/v1/sessions/{session}/cancel"), action)?;
            output::either(json, &answer, |answer| {
                output::fields(answer, &["session_id", "status"])
            })
        }
    }
}

fn path(session: SessionId) -> String {
    format!("/v1/sessions/{session}")
}

fn reason(session: &Value) -> String {
    let detail = &session["failure"]["detail"];
    detail.as_str().unwrap_or("no result").to_owned()
}

/// Follows a session to its end; every change is a line on stderr.
fn followed(server: &Server, session: SessionId) -> Outcome<Value> {
    let mut last = String::new();
    loop {
        let document = server.get(&path(session))?;
        let line = progress::line(&document);
        if line != last {
            if std::io::stderr().is_terminal() {
                eprintln!("{line}");
            }
            last = line;
        }
        match document["status"].as_str() {
            Some("completed" | "failed" | "expired" | "cancelled") => return Ok(document),
            _ => std::thread::sleep(INTERVAL),
        }
    }
}

fn shown(session: &Value) -> String {
    let mut text = output::fields(
        session,
        &[
            "session_id",
            "kind",
            "status",
            "account_id",
            "key_id",
            "engine",
            "signers",
            "attempt",
            "digest",
            "path",
            "public_key",
            "ethereum_address",
            "created_at",
            "ended_at",
            "expires_at",
        ],
    );
    for participant in session["participants"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\n{:<12}  {}",
            output::plain(&participant["party"]),
            output::plain(&participant["status"])
        ));
    }
    if session["signature"].is_object() {
        text.push('\n');
        text.push_str(&output::fields(
            &session["signature"],
            &["r", "s", "v", "compact", "der"],
        ));
    }
    if session["failure"].is_object() {
        text.push_str(&format!("\nfailed        {}", reason(session)));
    }
    text
}
