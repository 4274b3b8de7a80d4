//! The event browser: the log itself, the newest events first.

mod summary;

use std::sync::Arc;

use countersign_event_store::{Envelope, event_types};
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::{parts, url};

use summary::summary;

/// What is asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name of an event.
    pub r#type: String,
    /// An account's id.
    pub account: String,
    /// A key's id.
    pub key: String,
    /// A session's id.
    pub session: String,
    /// The newest position to show.
    pub from: String,
    /// Shows what comes after this position, as far as there is room.
    pub after: String,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Events, the newest first.
    pub events: Vec<Arc<Envelope>>,
    /// Position of the last event of the log.
    pub head: u64,
    /// The position from which older ones follow, if there may be any.
    pub older: Option<u64>,
    /// The position after which newer ones follow, if there may be any.
    pub newer: Option<u64>,
    /// The first and last position that were looked at.
    pub looked: Option<(u64, u64)>,
}

/// The page.
#[must_use]
pub fn page(frame: Frame, filter: &Filter, found: &Found) -> String {
    let newest = filter.from.is_empty() && filter.after.is_empty();
    let page = Page {
        frame,
        place: Place::Events,
        title: "Events",
        follow: newest.then(|| filter.stream()),
    };
    page.render(html! {
        div .head {
            h1 { "Events" }
            p { "The log itself, the newest events first." }
        }
        section .panel aria-label="Events" {
            (form(filter))
            div #events data-part {
                @if found.events.is_empty() { p .empty { "No event fits here." } }
                @else { (table(&found.events)) }
                (pager(filter, found, newest))
            }
        }
    })
}

fn form(filter: &Filter) -> Markup {
    html! {
        form .filter method="get" action=(url::EVENTS) role="search" aria-label="Filter events" {
            (parts::choice("type", "Type", event_types().map(|name| parts::Choice {
                value: name.to_owned(),
                name: name.to_owned(),
            }), &filter.r#type))
            (parts::text("account", "Account id", "id", &filter.account))
            (parts::text("key", "Key id", "id", &filter.key))
            (parts::text("session", "Session id", "id", &filter.session))
            (parts::text("from", "From position, back", "short", &filter.from))
            button .main { "Filter" }
            a .button href=(url::EVENTS) { "Clear" }
        }
    }
}

fn pager(filter: &Filter, found: &Found, newest: bool) -> Markup {
    let older = found
        .older
        .map(|from| filter.address(&from.to_string(), ""));
    let newer = found
        .newer
        .map(|after| filter.address("", &after.to_string()));
    html! {
        nav .pager aria-label="Parts of the log" {
            @if let Some((first, last)) = found.looked {
                span {
                    (parts::count(found.events.len(), "event")) " of positions " (first) " to " (last)
                    "; the log ends at " (found.head) "."
                }
            } @else {
                span { (parts::count(found.events.len(), "event")) "; the log ends at " (found.head) "." }
            }
            @if !newest { a .button href=(filter.address("", "")) { "Newest" } }
            @if let Some(newer) = newer { a .button rel="prev" href=(newer) { "Newer" } }
            @if let Some(older) = older { a .button rel="next" href=(older) { "Older" } }
            @else { span { "There is nothing older." } }
        }
    }
}

/// Events as rows.
pub(crate) fn table(events: &[Arc<Envelope>]) -> Markup {
    let columns = [
        ">Position",
        "Recorded",
        "Event",
        "Of",
        ">Version",
        "In short",
        "By",
    ];
    parts::table(
        "Events",
        &columns,
        html! {
            @for event in events { (one(event)) }
        },
    )
}

fn one(event: &Envelope) -> Markup {
    let stream = &event.stream;
    html! {
        tr {
            td .right .number { (event.position) }
            td { (parts::time(event.recorded_at)) }
            th scope="row" {
                a data-row href=(url::of(url::EVENTS, event.position)) { (event.event_type) }
            }
            td .nowrap {
                (stream.aggregate_type) " "
                @match url::of_stream(&stream.aggregate_type, &stream.aggregate_id) {
                    Some(href) => a href=(href) title=(stream.aggregate_id) {
                        code { (parts::middle(&stream.aggregate_id)) }
                    },
                    None => (parts::code(&stream.aggregate_id)),
                }
            }
            td .right .number { (event.version) }
            td .wide { @match summary(event) { Some(text) => (text), None => (parts::none()) } }
            td { (actor(&event.actor)) }
        }
    }
}

/// Who caused it: its kind, and its id in short.
fn actor(actor: &str) -> Markup {
    html! {
        span title=(actor) {
            @match actor.split_once(':') {
                Some(("party", id)) => (parts::middle(id)),
                Some((kind, id)) => { (kind) " " code { (parts::middle(id)) } },
                None => (parts::middle(actor)),
            }
        }
    }
}

impl Filter {
    fn address(&self, from: &str, after: &str) -> String {
        let parameters = [
            ("type", self.r#type.as_str()),
            ("account", &self.account),
            ("key", &self.key),
            ("session", &self.session),
            ("from", from),
            ("after", after),
        ];
        url::with(url::EVENTS, &parameters)
    }

    fn stream(&self) -> String {
        let parameters = [
            ("type", self.r#type.as_str()),
            ("account", &self.account),
            ("key", &self.key),
            ("session", &self.session),
        ];
        url::with("/v1/events/stream", &parameters)
    }
}
