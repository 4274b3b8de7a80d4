//! The course of a session, drawn: time goes from left to right, one lane for the
//! phases and one a party. Places are attributes and colours are classes, so that the
//! drawing needs no style of its own.

use std::collections::BTreeSet;

use countersign_domain::Timestamp;
use countersign_projections::timeline::{
    AttemptCourse, Awaited, AwaitedOutcome, Phase, PhaseKind, SessionCourse, StepKind, milliseconds,
};
use maud::{Markup, html};

use super::tables::{for_name, outcome_name, phase_name, step_name};
use crate::parts;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 16.0;
const LANE: f64 = 26.0;
const TOP: f64 = 26.0;

/// Nothing is drawn narrower than this.
const LEAST: f64 = 2.0;

/// How wide a letter is, about.
const LETTER: f64 = 6.4;

struct Scale {
    begin: Timestamp,
    whole: f64,
}

impl Scale {
    fn at(&self, milliseconds: f64) -> f64 {
        let part = (milliseconds / self.whole).clamp(0.0, 1.0);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    /// Where something begins and how wide it is.
    fn span(&self, from: Timestamp, took: f64) -> (f64, f64) {
        let begin = milliseconds(self.begin, from);
        let (left, right) = (self.at(begin), self.at(begin + took));
        let left = left.min(WIDTH - RIGHT - LEAST);
        (left, (right - left).max(LEAST))
    }
}

/// The drawing.
pub(super) fn draw(course: &SessionCourse) -> Markup {
    let scale = Scale {
        begin: course.created_at,
        whole: course.took_ms.max(0.001),
    };
    let parties: BTreeSet<&str> = course
        .phases
        .iter()
        .flat_map(|phase| {
            let awaited = phase.awaited.iter().map(|it| &*it.party);
            let steps = phase.steps.iter().flat_map(|step| &step.parties);
            awaited.chain(steps.map(|at| &*at.party))
        })
        .chain(
            course
                .attempts
                .iter()
                .flat_map(|it| it.signers.iter().map(AsRef::as_ref)),
        )
        .collect();
    let height = TOP + LANE * (parties.len() as f64 + 1.0) + 10.0;
    html! {
        div .scroll role="region" aria-label="Drawing of the course" tabindex="0" {
            svg .course viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="drawn drawn-more" {
                title #drawn { "Course of the session" }
                desc #drawn-more { (words(course)) }
                defs {
                    pattern #hatch width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                        rect width="6" height="6" class="fill-missed" {}
                        path d="M0 0V6" class="fill-hatch" {}
                    }
                }
                (grid(&scale, height))
                (phase_lane(course, &scale))
                @for (lane, party) in parties.iter().enumerate() {
                    (party_lane(course, &scale, party, TOP + LANE * (lane as f64 + 1.0)))
                }
                @for attempt in course.attempts.iter().skip(1) {
                    @let x = scale.at(milliseconds(course.created_at, attempt.from));
                    line .attempt x1=(n(x)) x2=(n(x)) y1=(n(TOP - 8.0)) y2=(n(height - 8.0)) {}
                }
                @if course.ended_at.is_some() {
                    @let x = WIDTH - RIGHT;
                    line .end x1=(n(x)) x2=(n(x)) y1=(n(TOP - 4.0)) y2=(n(height - 8.0)) {}
                }
            }
        }
        (legend())
    }
}

/// What the drawing shows, for those who do not see it.
fn words(course: &SessionCourse) -> String {
    let mut words = format!(
        "{} session, {}, {} in all. ",
        course.kind,
        course.status.to_string().replace('_', " "),
        parts::duration(course.took_ms)
    );
    for phase in &course.phases {
        words += &format!(
            "Attempt {}, {}: {}. ",
            phase.attempt,
            phase_name(phase.phase),
            parts::duration(phase.took_ms)
        );
    }
    words
}

fn grid(scale: &Scale, height: f64) -> Markup {
    let step = tick(scale.whole);
    let ticks = (scale.whole / step).floor() as u32;
    html! {
        @for place in 0..=ticks {
            @let at = f64::from(place) * step;
            @let x = scale.at(at);
            line .grid x1=(n(x)) x2=(n(x)) y1=(n(TOP - 8.0)) y2=(n(height - 8.0)) {}
            @if x < WIDTH - 50.0 { text .axis x=(n(x + 3.0)) y="11" { (label(at)) } }
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten, so that there are a few.
fn tick(whole: f64) -> f64 {
    let rough = whole / 7.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|step| step * power >= rough);
    step.unwrap_or(10.0) * power
}

fn label(milliseconds: f64) -> String {
    if milliseconds == 0.0 {
        "0".to_owned()
    } else if milliseconds < 1.0 {
        format!("{milliseconds:.2} ms")
    } else if milliseconds < 1000.0 {
        format!("{milliseconds} ms")
    } else if milliseconds < 120_000.0 {
        format!("{} s", milliseconds / 1000.0)
    } else {
        parts::duration(milliseconds)
    }
}

fn phase_lane(course: &SessionCourse, scale: &Scale) -> Markup {
    let y = TOP;
    html! {
        text x="0" y=(n(y + 14.0)) { "Phases" }
        @for phase in &course.phases {
            @let (x, width) = scale.span(phase.from, phase.took_ms);
            @let name = phase_name(phase.phase);
            rect x=(n(x)) y=(n(y)) width=(n(width)) height="20" rx="3"
                class=(format!("fill-{name} inside-{name}")) {
                title { "Attempt " (phase.attempt) ", " (name) ": " (parts::duration(phase.took_ms)) }
            }
            @let inside = format!("{name} {}", parts::duration(phase.took_ms));
            @let text = [inside.as_str(), name].into_iter().find(|text| fits(text, width));
            @if let Some(text) = text {
                text class=(format!("inside {name}")) x=(n(x + 6.0)) y=(n(y + 14.0)) { (text) }
            }
        }
    }
}

fn fits(text: &str, width: f64) -> bool {
    text.chars().count() as f64 * LETTER + 12.0 < width
}

fn party_lane(course: &SessionCourse, scale: &Scale, party: &str, y: f64) -> Markup {
    html! {
        text x="0" y=(n(y + 14.0)) { (shortened(party)) title { (party) } }
        rect .lane x=(n(LEFT)) y=(n(y + 2.0)) width=(n(WIDTH - LEFT - RIGHT)) height="16" rx="3" {}
        @for phase in &course.phases {
            @for it in phase.awaited.iter().filter(|it| &*it.party == party) {
                (awaited(scale, phase, it, y))
            }
            (steps(scale, phase, party, y))
            @if let Some(blamed) = blamed(course, scale, phase, party, y) { (blamed) }
        }
    }
}

fn shortened(party: &str) -> String {
    match party.char_indices().nth(15) {
        Some((end, _)) => format!("{}…", &party[..end]),
        None => party.to_owned(),
    }
}

fn awaited(scale: &Scale, phase: &Phase, it: &Awaited, y: f64) -> Markup {
    let (x, width) = scale.span(it.from, it.took_ms);
    let (class, fill) = match it.outcome {
        AwaitedOutcome::Came if phase.phase == PhaseKind::Gathering => ("fill-gathering", None),
        AwaitedOutcome::Came => ("inside-results", None),
        AwaitedOutcome::Missed => ("missed", Some("url(#hatch)")),
        AwaitedOutcome::NotNeeded => ("fill-idle", None),
        AwaitedOutcome::Pending => ("pending", None),
    };
    html! {
        rect x=(n(x)) y=(n(y + 4.0)) width=(n(width)) height="12" rx="2" class=(class) fill=[fill] {
            title {
                (it.party) " was awaited " (for_name(it.r#for)) ", " (parts::duration(it.took_ms)) ": "
                (outcome_name(it.outcome))
            }
        }
    }
}

fn steps(scale: &Scale, phase: &Phase, party: &str, y: f64) -> Markup {
    html! {
        @for step in phase.steps.iter().filter(|step| step.step != StepKind::Done) {
            @for at in step.parties.iter().filter(|at| &*at.party == party) {
                @if let Some(took) = at.took_ms {
                    @let (x, width) = scale.span(at.at, took);
                    rect x=(n(x)) y=(n(y + 4.0)) width=(n((width - 1.0).max(LEAST))) height="12" rx="2"
                        class="fill-rounds inside-rounds" {
                        title { (party) ", " (step_name(step)) ": " (parts::duration(took)) }
                    }
                    @let name = step_name(step);
                    @let text = [name.as_str(), &name.replace("round ", "r")].into_iter()
                        .find(|text| fits(text, width)).map(ToOwned::to_owned);
                    @if let Some(text) = text {
                        text .inside x=(n(x + 5.0)) y=(n(y + 14.0)) { (text) }
                    }
                }
            }
        }
    }
}

/// A party that the attempt failed for: from the last that was heard of it to the end.
fn blamed(
    course: &SessionCourse,
    scale: &Scale,
    phase: &Phase,
    party: &str,
    y: f64,
) -> Option<Markup> {
    let of_phase = |it: &&AttemptCourse| it.attempt == phase.attempt;
    let attempt = course.attempts.iter().find(of_phase)?;
    let reason = attempt.reason?;
    let to_blame = attempt.culprits.iter().any(|culprit| &**culprit == party);
    if phase.phase != PhaseKind::Rounds || !to_blame {
        return None;
    }
    let begin = milliseconds(scale.begin, phase.from);
    let end = begin + phase.took_ms;
    let heard = phase.steps.iter().flat_map(|step| &step.parties);
    let heard = heard
        .filter(|at| &*at.party == party)
        .filter_map(|at| Some(milliseconds(scale.begin, at.at) + at.took_ms?));
    let from = scale.at(heard.fold(begin, f64::max).min(end));
    let width = (scale.at(end) - from).max(LEAST);
    Some(html! {
        rect .missed x=(n(from)) y=(n(y + 4.0)) width=(n(width)) height="12" rx="2" fill="url(#hatch)" {
            title { (party) ": " (reason) }
        }
    })
}

fn legend() -> Markup {
    let all = [
        ("fill-gathering", "awaited, and came"),
        ("inside-rounds", "computes"),
        ("inside-results", "hands in its result"),
        ("missed", "awaited in vain"),
        ("fill-idle", "not needed any more"),
    ];
    html! {
        ul .legend {
            @for (class, name) in all {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" {
                        rect width="10" height="10" rx="2" class=(class)
                            fill=[(class == "missed").then_some("url(#hatch)")] {}
                    }
                    (name)
                }
            }
        }
    }
}

/// A number as SVG takes it.
fn n(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::tick;

    #[test]
    fn there_are_a_few_ticks_at_round_numbers() {
        for (whole, step) in [
            (152.0, 50.0),
            (9_000.0, 2_000.0),
            (1.0, 0.2),
            (70_000.0, 10_000.0),
        ] {
            let found = tick(whole);
            assert!((found - step).abs() < 1e-9, "{whole}: {found}");
        }
    }
}
