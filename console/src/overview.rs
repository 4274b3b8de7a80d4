//! The overview: what goes on now, and how far everything is.

use std::sync::Arc;

use countersign_domain::session::SessionStatus;
use countersign_event_store::Envelope;
use countersign_projections::{Page as Rows, SessionRow, Status};
use maud::{Markup, html};

use crate::audit::Checkpoints;
use crate::layout::{Frame, Page, Place};
use crate::parties::{Party, presence};
use crate::parts::{self, Tone};
use crate::{audit, events, sessions, url};

/// What the overview is made of.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Position of the last event of the log.
    pub head: u64,
    /// How the read models are.
    pub models: Status,
    /// Position up to which events were relayed, as far as it is known.
    pub relayed: Option<u64>,
    /// The parties of the roster.
    pub parties: Vec<Party>,
    /// The sessions that are not over, by status; as many of each as one list shows.
    pub open: Vec<(SessionStatus, Rows<SessionRow>)>,
    /// The newest sessions.
    pub latest: Rows<SessionRow>,
    /// The newest events, the newest first.
    pub events: Vec<Arc<Envelope>>,
    /// The signed checkpoints.
    pub checkpoints: Checkpoints,
}

/// How many rows a list of the overview has.
const ROWS: usize = 10;

/// The page.
#[must_use]
pub fn page(frame: Frame, it: &Overview) -> String {
    let page = Page {
        frame,
        place: Place::Overview,
        title: "Overview",
        follow: Some("/v1/events/stream".to_owned()),
    };
    page.render(html! {
        div .head { h1 { "Overview" } }
        div #cards data-part { (cards(frame, it)) }
        section .panel aria-labelledby="open-title" {
            header {
                h2 #open-title { "Sessions now" }
                a .more href=(url::with(url::SESSIONS, &[("status", "in_progress")])) { "In progress" }
            }
            div #open data-part { (open(frame, it)) }
        }
        section .panel aria-labelledby="latest-title" {
            header {
                h2 #latest-title { "Latest sessions" }
                a .more href=(url::SESSIONS) { "All sessions" }
            }
            div #latest data-part { (latest(frame, it)) }
        }
        div .columns {
            section .panel aria-labelledby="parties-title" {
                header { h2 #parties-title { "Parties" } a .more href=(url::PARTIES) { "All of them" } }
                div #parties data-part { (parties(frame, &it.parties)) }
            }
            section .panel aria-labelledby="audit-title" {
                header { h2 #audit-title { "Audit" } a .more href=(url::AUDIT) { "How to verify" } }
                div #audit data-part { (audit::brief(frame, &it.checkpoints, it.head)) }
            }
        }
        section .panel aria-labelledby="events-title" {
            header { h2 #events-title { "Latest events" } a .more href=(url::EVENTS) { "All events" } }
            div #events data-part {
                @if it.events.is_empty() { p .empty { "The log is empty." } }
                @else { (events::table(&it.events)) }
            }
        }
    })
}

fn card(title: &str, figure: &Markup, more: &Markup) -> Markup {
    html! { li .card { h2 { (title) } p .figure { (figure) } p { (more) } } }
}

fn cards(frame: Frame, it: &Overview) -> Markup {
    let present = it.parties.iter().filter(|party| party.present).count();
    let absent = it.parties.len() - present;
    let running: u32 = it.parties.iter().map(|party| party.running).sum();
    let last = it.events.first().filter(|event| event.position == it.head);
    html! {
        ul .cards {
            (card("Open sessions", &open_count(it), &html! { (open_words(it)) }))
            (card("Parties present", &html! { (present) small { " of " (it.parties.len()) } }, &html! {
                @if absent == 0 { (parts::badge(Tone::Good, "all there")) }
                @else { (parts::badge(Tone::Bad, &format!("{absent} away"))) }
                " " (running) " running"
            }))
            (card("Head of the log", &html! { (it.head) }, &html! {
                @match last {
                    Some(event) => { "recorded " (parts::ago(event.recorded_at, frame.now)) },
                    None => "position of the last event",
                }
            }))
            (card("Read models behind", &lag(Some(it.models.position), it.head), &html! {
                (behind(Some(it.models.position), it.head)) " at position " (it.models.position)
                @if it.models.skipped.count > 0 {
                    " " (parts::badge(Tone::Bad, &format!("{} skipped", it.models.skipped.count)))
                }
            }))
            (card("Relay behind", &lag(it.relayed, it.head), &html! {
                (behind(it.relayed, it.head))
                @match it.relayed {
                    Some(position) => { " at position " (position) },
                    None => " nothing was heard of the relay yet",
                }
            }))
            (audit::card(&it.checkpoints, it.head))
        }
        @if it.models.skipped.count > 0 { (skipped(it)) }
    }
}

fn lag(position: Option<u64>, head: u64) -> Markup {
    match position {
        Some(position) => {
            let lag = head.saturating_sub(position);
            html! { (lag) small { @if lag == 1 { " event" } @else { " events" } } }
        }
        None => html! { small { "unknown" } },
    }
}

fn behind(position: Option<u64>, head: u64) -> Markup {
    match position {
        Some(position) if position >= head => parts::badge(Tone::Good, "up to date"),
        Some(_) => parts::badge(Tone::Live, "catching up"),
        None => parts::badge(Tone::Idle, "unknown"),
    }
}

fn skipped(it: &Overview) -> Markup {
    html! {
        div .note .bad {
            p { strong { "The read models pass over events that this build cannot decode:" } }
            @for event in it.models.skipped.events.iter().take(ROWS) {
                p { (parts::position(event.position)) " " (event.event_type) ": " (event.reason) }
            }
        }
    }
}

fn open_count(it: &Overview) -> Markup {
    let open: usize = it.open.iter().map(|(_, rows)| rows.items.len()).sum();
    let more = it.open.iter().any(|(_, rows)| rows.next.is_some());
    html! { (open) @if more { small { " and more" } } }
}

fn open_words(it: &Overview) -> String {
    let words = it.open.iter().map(|(status, rows)| {
        let more = if rows.next.is_some() { "+" } else { "" };
        let status = status.to_string().replace('_', " ");
        format!("{}{more} {status}", rows.items.len())
    });
    words.collect::<Vec<_>>().join(", ")
}

fn open(frame: Frame, it: &Overview) -> Markup {
    let mut rows: Vec<_> = it
        .open
        .iter()
        .flat_map(|(_, rows)| rows.items.iter())
        .cloned()
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.view.created_position));
    rows.truncate(ROWS);
    html! {
        @if rows.is_empty() { p .empty { "No session is open." } }
        @else { (sessions::table(frame, &rows)) }
    }
}

/// The statuses that sessions end in, and how they are drawn.
const ENDS: [(SessionStatus, &str); 4] = [
    (SessionStatus::Completed, "fill-completed"),
    (SessionStatus::Failed, "fill-failed"),
    (SessionStatus::Expired, "fill-expired"),
    (SessionStatus::Cancelled, "fill-cancelled"),
];

fn latest(frame: Frame, it: &Overview) -> Markup {
    let rows = &it.latest.items;
    if rows.is_empty() {
        return html! { p .empty { "There was none yet." } };
    }
    let in_status = |status| rows.iter().filter(|row| row.view.status == status).count();
    let mut parts: Vec<_> = ENDS
        .iter()
        .map(|(status, class)| (status.to_string(), *class, in_status(*status)))
        .collect();
    let over: usize = parts.iter().map(|(_, _, count)| count).sum();
    parts.push(("open".to_owned(), "fill-open", rows.len() - over));
    let newest = &rows[..rows.len().min(ROWS)];
    html! {
        div .body { (share(&parts, rows.len())) }
        (sessions::table(frame, newest))
    }
}

/// How the newest sessions have ended, as a bar and in words.
fn share(parts: &[(String, &str, usize)], all: usize) -> Markup {
    let mut left = 0;
    let bars: Vec<_> = parts
        .iter()
        .map(|(name, class, count)| {
            let from = left;
            left += count;
            (name, *class, *count, from)
        })
        .filter(|(_, _, count, _)| *count > 0)
        .collect();
    html! {
        svg .share viewBox=(format!("0 0 {all} 1")) preserveAspectRatio="none" aria-hidden="true" {
            @for (_, class, count, from) in &bars {
                rect x=(from) width=(count) height="1" class=(class) {}
            }
        }
        ul .legend aria-label=(format!("Of the latest {}", parts::count(all, "session"))) {
            @for (name, class, count, _) in &bars {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" { rect width="10" height="10" rx="2" class=(class) {} }
                    (count) " " (name)
                }
            }
        }
    }
}

fn parties(frame: Frame, all: &[Party]) -> Markup {
    parts::table(
        "Parties",
        &["Party", "Presence", "Last heard", ">Running", ">Signatures"],
        html! {
            @for party in all {
                tr {
                    th scope="row" { (party.identity.party) }
                    td { (presence(party)) }
                    td .nowrap { (party.last_seen.map_or("never".to_owned(), |at| parts::ago(at, frame.now))) }
                    td .right .number { (party.running) }
                    td .right .number { (party.record.as_ref().map_or(0, |it| it.signatures)) }
                }
            }
        },
    )
}
