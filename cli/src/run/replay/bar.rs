//! How far a replay is, on stderr: a bar on a terminal, JSON lines for programs, now and
//! then a line for a log.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(1);

const TEMPLATE: &str = "replaying {wide_bar} {pos}/{len} events  {per_sec}, {eta} left";

pub(super) struct Bar {
    bar: Option<ProgressBar>,
    as_json: bool,
    told: Instant,
}

impl Bar {
    /// `lines` says whether the events themselves go to stdout: a bar between them on
    /// one terminal would be in their way.
    pub(super) fn new(as_json: bool, lines: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let crowded = lines && std::io::stdout().is_terminal();
        let bar = (terminal && !as_json && !crowded).then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            as_json,
            told: Instant::now(),
        }
    }

    /// It began after `after`, is at `position` and ends at `to`.
    pub(super) fn show(&mut self, after: u64, position: u64, to: u64) {
        let (done, all) = (position.saturating_sub(after), to.saturating_sub(after));
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
            return;
        }
        if self.told.elapsed() < EVERY {
            return;
        }
        self.told = Instant::now();
        if self.as_json {
            let progress = json!({ "position": position, "to": to, "done": done, "all": all });
            eprintln!("{}", json!({ "progress": progress }));
        } else {
            eprintln!("replaying {done}/{all} events");
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
