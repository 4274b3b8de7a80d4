//! How far a rebuild or verification is, on stderr: a bar on a terminal, JSON lines
//! for programs, now and then a line for a log.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use countersign_projections::postgres::{Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(1);

const TEMPLATE: &str = "{msg:<10} {wide_bar} {pos}/{len} events  {prefix}";

pub(in crate::run) struct Bar {
    bar: Option<ProgressBar>,
    as_json: bool,
    told: Option<(Phase, Instant)>,
}

impl Bar {
    pub(in crate::run) fn new(as_json: bool) -> Self {
        let bar = (!as_json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            as_json,
            told: None,
        }
    }

    pub(in crate::run) fn show(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.head);
            bar.set_position(progress.position);
            bar.set_message(phase(progress.phase));
            bar.set_prefix(rate_and_eta(progress));
            return;
        }
        let due = self
            .told
            .is_none_or(|(phase, at)| phase != progress.phase || at.elapsed() >= EVERY);
        if !due {
            return;
        }
        self.told = Some((progress.phase, Instant::now()));
        if self.as_json {
            let mut line = json!(progress);
            line["eta_seconds"] = json!(eta(progress));
            eprintln!("{}", json!({ "progress": line }));
        } else {
            eprintln!(
                "{:<10} {}/{} events  {}",
                phase(progress.phase),
                progress.position,
                progress.head,
                rate_and_eta(progress)
            );
        }
    }

    pub(in crate::run) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Filling => "filling",
        Phase::Indexing => "indexing",
        Phase::Swapping => "swapping",
        Phase::Comparing => "comparing",
        Phase::Dropping => "dropping",
    }
}

/// How many seconds are left, at the rate so far.
fn eta(progress: &Progress) -> Option<u64> {
    let left = progress.head.saturating_sub(progress.position);
    (progress.rate >= 1.0).then(|| (left as f64 / progress.rate).ceil() as u64)
}

fn rate_and_eta(progress: &Progress) -> String {
    let rate = progress.rate.round();
    match eta(progress) {
        Some(left) => format!("{rate} events/s, {left} s left"),
        None => format!("{rate} events/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_at_the_rate_so_far() {
        let mut progress = Progress {
            phase: Phase::Filling,
            position: 1_000,
            head: 4_500,
            rate: 1_000.0,
            elapsed: Duration::from_secs(1),
        };
        assert_eq!(rate_and_eta(&progress), "1000 events/s, 4 s left");
        progress.rate = 0.0;
        assert_eq!(rate_and_eta(&progress), "0 events/s");
    }
}
