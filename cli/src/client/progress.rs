//! Live progress of a session on stderr: which party, which round.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Server;

/// How often the session is looked at.
const INTERVAL: Duration = Duration::from_millis(120);

/// A line on the terminal that follows a session; silent when stderr is none.
#[derive(Debug)]
pub(crate) struct Progress {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Follows `session` until dropped.
    pub(crate) fn follow(server: &Server, session: SessionId, label: &str) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let thread = std::io::stderr().is_terminal().then(|| {
            let (server, done, label) = (server.clone(), done.clone(), label.to_owned());
            std::thread::spawn(move || {
                let bar = ProgressBar::new_spinner();
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_message(label.clone());
                while !done.load(Ordering::Relaxed) {
                    if let Ok(document) = server.get(&format!("/v1/sessions/{session}")) {
                        bar.set_message(format!("{label}: {}", line(&document)));
                    }
                    bar.tick();
                    std::thread::park_timeout(INTERVAL);
                }
                bar.finish_and_clear();
            })
        });
        Self { done, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A progress line that panicked is no reason to fail the command.
            let _ = thread.join();
        }
    }
}

/// One line that says where a session is.
pub(crate) fn line(session: &Value) -> String {
    let mut line = session["status"].as_str().unwrap_or("?").replace('_', " ");
    let live = session["progress"].as_array();
    for participant in session["participants"].as_array().into_iter().flatten() {
        let party = participant["party"].as_str().unwrap_or("?");
        let status = participant["status"].as_str().unwrap_or("?");
        let phase = live
            .into_iter()
            .flatten()
            .find(|p| p["party"] == participant["party"])
            .and_then(phase);
        let shown = match (status, phase) {
            ("computing", Some(phase)) => phase,
            _ => status.to_owned(),
        };
        if status != "invited" || session["status"] == "waiting" {
            let _ = write!(line, " · {party} {shown}");
        }
    }
    line
}

fn phase(progress: &Value) -> Option<String> {
    let phase = progress["phase"].as_str()?;
    Some(match progress["round"].as_u64() {
        Some(round) => format!("round {round}"),
        None => phase.to_owned(),
    })
}
