//! The course of a session as tables.

use countersign_projections::SessionView;
use countersign_projections::timeline::{
    AwaitedFor, AwaitedOutcome, Phase, PhaseKind, SessionCourse, Step, StepKind, milliseconds,
};
use maud::{Markup, html};

use crate::parts::{self, Tone};

pub(super) fn all(view: &SessionView, course: &SessionCourse) -> Markup {
    html! {
        (section("phases", "Phases", "Each begins where the one before ends.", &phases(course)))
        (section("attempts", "Attempts", "Tries, each with one fixed set of signers.", &attempts(course)))
        (section("awaited", "Who was awaited", "By the times at which the events were recorded.", &awaited(course)))
        div #steps data-part {
            @if course.phases.iter().any(|phase| !phase.steps.is_empty()) {
                (section("steps-of", "Rounds", "What the parties told while they computed, by their own \
                    clocks. It is not in the log.", &steps(course)))
            }
        }
        (section("participants", "Participants", "All holders of a share of the key.", &participants(view)))
        (section("entries", "What happened", "Every event of the session, in order.", &entries(course)))
    }
}

fn section(id: &str, title: &str, note: &str, content: &Markup) -> Markup {
    html! {
        section .panel aria-labelledby=(format!("{id}-title")) {
            header { h2 id=(format!("{id}-title")) { (title) } p { (note) } }
            div id=(id) data-part { (content) }
        }
    }
}

fn phases(course: &SessionCourse) -> Markup {
    let columns = [">Attempt", "Phase", ">After", ">Took", "Awaited longest"];
    parts::table(
        "Phases",
        &columns,
        html! {
            @for phase in &course.phases {
                tr {
                    td .right .number { (phase.attempt) }
                    th scope="row" { (phase_name(phase.phase)) }
                    td .right .number { (parts::duration(milliseconds(course.created_at, phase.from))) }
                    td .right .number { (took(phase.took_ms, phase.until.is_some())) }
                    td { (longest(phase)) }
                }
            }
        },
    )
}

fn longest(phase: &Phase) -> Markup {
    let longest = phase
        .awaited
        .iter()
        .max_by(|a, b| a.took_ms.total_cmp(&b.took_ms));
    match longest {
        Some(it) => html! { (it.party) ", " (parts::duration(it.took_ms)) },
        None => parts::none(),
    }
}

fn took(milliseconds: f64, over: bool) -> Markup {
    html! { (parts::duration(milliseconds)) @if !over { span .soft { " so far" } } }
}

fn attempts(course: &SessionCourse) -> Markup {
    let columns = [
        ">Attempt",
        "Outcome",
        "Signers",
        ">Rounds after",
        ">Took",
        "Culprits",
        "Reported by",
        "In words",
    ];
    parts::table(
        "Attempts",
        &columns,
        html! {
            @for it in &course.attempts {
                tr {
                    th scope="row" .right .number { (it.attempt) }
                    td {
                        @match it.reason {
                            Some(reason) => (parts::badge(Tone::Bad, &reason.to_string())),
                            None if it.ended_at.is_none() => (parts::badge(Tone::Live, "running")),
                            None => (parts::badge(Tone::Idle, "not failed")),
                        }
                    }
                    td { (parts::names(&it.signers)) }
                    td .right .number {
                        @match it.started_at {
                            Some(at) => (parts::duration(milliseconds(it.from, at))),
                            None => span .soft { "not begun" },
                        }
                    }
                    td .right .number { (took(it.took_ms, it.ended_at.is_some())) }
                    td { (parts::names(&it.culprits)) }
                    td { @match &it.reporter { Some(party) => (party), None => (parts::none()) } }
                    td .wide { @match &it.detail { Some(detail) => (detail), None => (parts::none()) } }
                }
            }
        },
    )
}

fn awaited(course: &SessionCourse) -> Markup {
    let columns = [
        ">Attempt", "Phase", "Party", "For", ">After", ">Took", "Outcome",
    ];
    parts::table(
        "Who was awaited",
        &columns,
        html! {
            @for phase in &course.phases {
                @for it in &phase.awaited {
                    tr {
                        td .right .number { (phase.attempt) }
                        td { (phase_name(phase.phase)) }
                        th scope="row" { (it.party) }
                        td { (for_name(it.r#for)) }
                        td .right .number { (parts::duration(milliseconds(course.created_at, it.from))) }
                        td .right .number { (took(it.took_ms, it.until.is_some())) }
                        td { (outcome(it.outcome)) }
                    }
                }
            }
        },
    )
}

fn steps(course: &SessionCourse) -> Markup {
    let columns = [
        ">Attempt",
        "Step",
        ">Slowest took",
        "Last to come",
        "Each party",
    ];
    parts::table(
        "Rounds",
        &columns,
        html! {
            @for phase in &course.phases {
                @for step in &phase.steps {
                    tr {
                        td .right .number { (phase.attempt) }
                        th scope="row" { (step_name(step)) }
                        td .right .number {
                            @match step.took_ms { Some(took) => (parts::duration(took)), None => (parts::none()) }
                        }
                        td { @match &step.last { Some(party) => (party), None => (parts::none()) } }
                        td {
                            @for (place, at) in step.parties.iter().enumerate() {
                                @if place > 0 { ", " }
                                (at.party)
                                @if let Some(took) = at.took_ms { " " (parts::duration(took)) }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn participants(view: &SessionView) -> Markup {
    let columns = [">Index", "Party", "Status", "Joined", "Finished", "Device"];
    parts::table(
        "Participants",
        &columns,
        html! {
            @for it in &view.participants {
                tr {
                    td .right .number { (it.index) }
                    th scope="row" { (it.party) }
                    td { (it.status.to_string().replace('_', " ")) }
                    td { @match it.joined_at { Some(at) => (parts::time(at)), None => (parts::none()) } }
                    td { @match it.completed_at { Some(at) => (parts::time(at)), None => (parts::none()) } }
                    td .wide {
                        @match &it.device {
                            Some(device) => { (device.name) " " (device.version) },
                            None => (parts::none()),
                        }
                    }
                }
            }
        },
    )
}

fn entries(course: &SessionCourse) -> Markup {
    let columns = [
        ">Position",
        ">After",
        "Event",
        "Party",
        ">Attempt",
        "In short",
    ];
    parts::table(
        "What happened",
        &columns,
        html! {
            @for it in &course.entries {
                tr {
                    td .right { (parts::position(it.position)) }
                    td .right .number { (parts::duration(milliseconds(course.created_at, it.at))) }
                    th scope="row" { (it.event_type) }
                    td { @match &it.party { Some(party) => (party), None => (parts::none()) } }
                    td .right .number { @match it.attempt { Some(attempt) => (attempt), None => (parts::none()) } }
                    td .wide { @match &it.detail { Some(detail) => (detail), None => (parts::none()) } }
                }
            }
        },
    )
}

pub(super) fn phase_name(phase: PhaseKind) -> &'static str {
    match phase {
        PhaseKind::Gathering => "gathering",
        PhaseKind::Rounds => "rounds",
        PhaseKind::Results => "results",
    }
}

pub(super) fn for_name(it: AwaitedFor) -> &'static str {
    match it {
        AwaitedFor::Join => "to join",
        AwaitedFor::Ready => "to be ready",
        AwaitedFor::Result => "its result",
    }
}

pub(super) fn outcome_name(it: AwaitedOutcome) -> &'static str {
    match it {
        AwaitedOutcome::Came => "came",
        AwaitedOutcome::Missed => "missed",
        AwaitedOutcome::NotNeeded => "not needed",
        AwaitedOutcome::Pending => "awaited",
    }
}

fn outcome(it: AwaitedOutcome) -> Markup {
    let tone = match it {
        AwaitedOutcome::Came => Tone::Good,
        AwaitedOutcome::Missed => Tone::Bad,
        AwaitedOutcome::NotNeeded => Tone::Idle,
        AwaitedOutcome::Pending => Tone::Live,
    };
    parts::badge(tone, outcome_name(it))
}

pub(super) fn step_name(step: &Step) -> String {
    match (step.step, step.round) {
        (StepKind::Round, Some(round)) => format!("round {round}"),
        (StepKind::Round, None) => "round".to_owned(),
        (StepKind::Sealing, _) => "sealing".to_owned(),
        (StepKind::Confirming, _) => "confirming".to_owned(),
        (StepKind::Done, _) => "done".to_owned(),
    }
}
