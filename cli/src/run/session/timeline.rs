//! Draws the course of a session: a line for each phase, for each party that was
//! awaited in it and for each round, with a bar over the whole session's time.

use console::Style;
use countersign_projections::timeline::{
    Awaited, AwaitedFor, AwaitedOutcome, Phase, PhaseKind, SessionCourse, Step, StepKind,
    milliseconds,
};

use crate::terminal::Terminal;

/// Characters of a time, such as `123.4 ms`.
const TOOK: usize = 9;

/// The least width of a bar.
const BAR: usize = 8;

/// The most characters of a note.
const NOTE: usize = 18;

/// A line with a bar.
struct Row {
    indent: usize,
    label: String,
    /// Milliseconds from the session's creation.
    from: f64,
    until: f64,
    took: String,
    note: String,
    look: Look,
}

#[derive(Clone, Copy)]
enum Look {
    Phase(PhaseKind),
    Part,
    Missed,
}

/// The course of a session as lines of text.
pub(super) fn drawn(course: &SessionCourse, terminal: &Terminal) -> String {
    let mut rows = vec![];
    for attempt in &course.attempts {
        let mut of_attempt = vec![];
        let phases = course.phases.iter();
        for phase in phases.filter(|phase| phase.attempt == attempt.attempt) {
            of_attempt.extend(of_phase(course, phase));
        }
        rows.push(of_attempt);
    }
    let columns = Columns::of(rows.iter().flatten(), course.took_ms, terminal);
    let open = course.ended_at.is_none();
    let mut lines = vec![format!(
        "timeline      {}{}",
        took(course.took_ms),
        if open { " so far" } else { "" }
    )];
    for (attempt, rows) in course.attempts.iter().zip(&rows) {
        lines.push(format!(
            "attempt {}: {}",
            attempt.attempt,
            attempt.signers.join(", ")
        ));
        lines.extend(rows.iter().map(|row| columns.line(row)));
        if let Some(reason) = attempt.reason {
            let mut text = format!("  failed: {reason}");
            if !attempt.culprits.is_empty() {
                text = format!("{text}: {}", attempt.culprits.join(", "));
            }
            if let Some(reporter) = &attempt.reporter {
                text = format!("{text} (says {reporter})");
            }
            if let Some(detail) = &attempt.detail {
                text = format!("{text}: {detail}");
            }
            lines.push(text);
        }
    }
    let lines = lines.iter().flat_map(|line| wrapped(line, terminal));
    let text = lines.collect::<Vec<_>>().join("\n");
    if terminal.unicode {
        return text;
    }
    let ascii = |c: char| if c.is_ascii() { c } else { '?' };
    text.chars().map(ascii).collect()
}

fn of_phase(course: &SessionCourse, phase: &Phase) -> Vec<Row> {
    let since = |at| milliseconds(course.created_at, at);
    let from = since(phase.from);
    let until = from + phase.took_ms;
    let label = match phase.phase {
        PhaseKind::Gathering => "gathering",
        PhaseKind::Rounds => "rounds",
        PhaseKind::Results => "results",
    };
    let mut rows = vec![Row {
        indent: 2,
        label: label.to_owned(),
        from,
        until,
        took: took(phase.took_ms),
        note: String::new(),
        look: Look::Phase(phase.phase),
    }];
    let mut seen: Vec<&str> = vec![];
    for awaited in &phase.awaited {
        if seen.contains(&&*awaited.party) {
            continue;
        }
        seen.push(&awaited.party);
        // To join and to get ready are one wait to whoever looks on.
        let mut waits = phase.awaited.iter().rev();
        let last = waits.find(|w| w.party == awaited.party);
        let last = last.unwrap_or(awaited);
        let (begin, end) = (since(awaited.from), since(last.from) + last.took_ms);
        rows.push(Row {
            indent: 4,
            label: awaited.party.to_string(),
            from: begin,
            until: end,
            took: took(end - begin),
            note: note(last).to_owned(),
            look: match last.outcome {
                AwaitedOutcome::Missed => Look::Missed,
                _ => Look::Part,
            },
        });
    }
    rows.extend(phase.steps.iter().filter_map(|step| {
        // By the clocks of the parties, which may be others.
        let begin = since(step.from).clamp(from, until);
        of_step(step, begin, until)
    }));
    rows
}

fn of_step(step: &Step, from: f64, latest: f64) -> Option<Row> {
    let label = match (step.step, step.round) {
        (StepKind::Round, round) => format!("round {}", round.unwrap_or_default()),
        (StepKind::Sealing, _) => "sealing".to_owned(),
        (StepKind::Confirming, _) => "confirming".to_owned(),
        (StepKind::Done, _) => return None,
    };
    let note = step.last.as_ref().map(|party| format!("{party} last"));
    Some(Row {
        indent: 4,
        label,
        from,
        until: (from + step.took_ms.unwrap_or_default()).min(latest),
        took: step.took_ms.map(took).unwrap_or_default(),
        note: note.unwrap_or_default(),
        look: Look::Part,
    })
}

fn note(awaited: &Awaited) -> &'static str {
    match (awaited.outcome, awaited.r#for) {
        (AwaitedOutcome::Came, _) => "",
        (AwaitedOutcome::Pending, _) => "awaited",
        (AwaitedOutcome::NotNeeded, _) => "not needed",
        (AwaitedOutcome::Missed, AwaitedFor::Join) => "did not join",
        (AwaitedOutcome::Missed, AwaitedFor::Ready) => "not ready",
        (AwaitedOutcome::Missed, AwaitedFor::Result) => "no result",
    }
}

/// Where everything goes on a line.
struct Columns {
    label: usize,
    bar: usize,
    note: usize,
    /// Milliseconds that the bar stands for.
    total: f64,
    terminal: Terminal,
}

impl Columns {
    fn of<'a>(rows: impl Iterator<Item = &'a Row> + Clone, total: f64, on: &Terminal) -> Self {
        let labels = rows.clone().map(|row| row.indent + length(&row.label));
        let label = labels.max().unwrap_or(0).clamp(11, on.width / 3);
        let notes = rows.map(|row| length(&row.note));
        // What is left for the bar and the note, which is cut before the bar is.
        let room = on.width.saturating_sub(label + 2 + 2 + TOOK);
        let note = notes.max().unwrap_or(0).min(NOTE);
        let note = note.min(room.saturating_sub(BAR + 2));
        let gap = if note == 0 { 0 } else { 2 };
        Self {
            label,
            bar: room.saturating_sub(gap + note).max(BAR),
            note,
            total,
            terminal: *on,
        }
    }

    fn line(&self, row: &Row) -> String {
        let indent = " ".repeat(row.indent);
        let label = cut(
            &format!("{indent}{}", row.label),
            self.label,
            &self.terminal,
        );
        let (before, filled) = self.cells(row);
        let after = self.bar.saturating_sub(before + filled);
        let character = match (row.look, self.terminal.unicode) {
            (Look::Phase(_), true) => "█",
            (Look::Phase(_), false) => "#",
            (Look::Part, true) => "▒",
            (Look::Part, false) => "=",
            (Look::Missed, true) => "░",
            (Look::Missed, false) => "?",
        };
        let bar = self.paint(row.look, &character.repeat(filled));
        let note = cut(&row.note, self.note, &self.terminal);
        let text = format!(
            "{label:<width$}  {}{bar}{}  {:>TOOK$}  {note}",
            " ".repeat(before),
            " ".repeat(after),
            row.took,
            width = self.label,
        );
        text.trim_end().to_owned()
    }

    /// The cells before the bar, and those of it: one at least, so that what took no
    /// time is seen as well.
    fn cells(&self, row: &Row) -> (usize, usize) {
        let cell = |at: f64| {
            if self.total <= 0.0 {
                return 0.0;
            }
            (at / self.total).clamp(0.0, 1.0) * self.bar as f64
        };
        // Both are from 0 to the width.
        let begin = (cell(row.from).floor() as usize).min(self.bar - 1);
        let end = (cell(row.until).ceil() as usize).clamp(begin + 1, self.bar);
        (begin, end - begin)
    }

    fn paint(&self, look: Look, text: &str) -> String {
        let style = match look {
            Look::Phase(PhaseKind::Gathering) => Style::new().yellow(),
            Look::Phase(PhaseKind::Rounds) => Style::new().cyan(),
            Look::Phase(PhaseKind::Results) => Style::new().green(),
            Look::Part => Style::new().dim(),
            Look::Missed => Style::new().red(),
        };
        style
            .force_styling(self.terminal.colour)
            .apply_to(text)
            .to_string()
    }
}

/// A time in the unit that fits it.
pub(super) fn took(milliseconds: f64) -> String {
    if milliseconds < 999.95 {
        return format!("{milliseconds:.1} ms");
    }
    if milliseconds < 59_950.0 {
        return format!("{:.1} s", milliseconds / 1000.0);
    }
    let seconds = (milliseconds / 1000.0).round() as u64;
    match seconds {
        0..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn length(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The beginning of a text, when it is too long.
fn cut(text: &str, width: usize, terminal: &Terminal) -> String {
    let tail = if terminal.unicode { "…" } else { "~" };
    console::truncate_str(text, width, tail).into_owned()
}

/// A line in as many as it needs; what follows the first is indented.
fn wrapped(line: &str, terminal: &Terminal) -> Vec<String> {
    if length(line) <= terminal.width {
        return vec![line.to_owned()];
    }
    let mut lines = vec![];
    let mut current = String::new();
    for word in line.split_inclusive(' ') {
        let full = length(&current) + length(word.trim_end()) > terminal.width;
        if full && !current.trim().is_empty() {
            lines.push(current.trim_end().to_owned());
            current = "    ".to_owned();
        }
        current.push_str(word);
    }
    lines.push(current.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests;
