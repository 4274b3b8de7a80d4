//! One event, as it is in the log.

use std::sync::Arc;

use countersign_event_store::Envelope;
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::parts::{self, Tone};
use crate::url;

/// An event and what is next to it.
#[derive(Debug, Clone)]
pub struct Event {
    /// The event.
    pub envelope: Arc<Envelope>,
    /// The event before it in its stream; none for the first.
    pub before: Option<Arc<Envelope>>,
    /// Position of the event after it in its stream.
    pub after: Option<u64>,
    /// Position of the last event of the log.
    pub head: u64,
}

/// The page.
#[must_use]
pub fn page(frame: Frame, event: &Event) -> String {
    let it = &*event.envelope;
    let title = format!("Event {}", it.position);
    let page = Page {
        frame,
        place: Place::Events,
        title: &title,
        follow: None,
    };
    let canonical = String::from_utf8_lossy(&it.canonical()).into_owned();
    let payload = serde_json::to_string_pretty(&it.payload).unwrap_or_default();
    page.render(html! {
        p .path { a href=(url::EVENTS) { "Events" } }
        div .head {
            h1 { "Event " (it.position) ": " (it.event_type) }
            p { (neighbours(event)) }
        }
        div .columns {
            section .panel aria-labelledby="place" {
                header { h2 #place { "Envelope" } }
                dl .facts { (envelope(it)) }
            }
            section .panel aria-labelledby="chain" {
                header { h2 #chain { "Chain" } }
                dl .facts { (chain(event)) }
            }
        }
        section .panel aria-labelledby="payload" {
            header { h2 #payload { "Payload" } p { "Laid out to be read." } }
            div .body { pre { (payload) } }
        }
        section .panel aria-labelledby="canonical" {
            header {
                h2 #canonical { "Canonical JSON" }
                p { "The bytes that are hashed (RFC 8785): the hash is the SHA-256 of a zero byte and these." }
            }
            div .body { pre data-copy=(canonical) data-what="canonical JSON" { (canonical) } }
        }
    })
}

fn neighbours(event: &Event) -> Markup {
    let position = event.envelope.position;
    html! {
        @if position > 1 { a rel="prev" href=(url::of(url::EVENTS, position - 1)) { "← " (position - 1) } " · " }
        @if position < event.head { a rel="next" href=(url::of(url::EVENTS, position + 1)) { (position + 1) " →" } }
        @else { "the end of the log" }
    }
}

fn envelope(it: &Envelope) -> Markup {
    let stream = &it.stream;
    html! {
        dt { "Stream" }
        dd {
            (stream.aggregate_type) " "
            @match url::of_stream(&stream.aggregate_type, &stream.aggregate_id) {
                Some(href) => a href=(href) { code { (stream.aggregate_id) } },
                None => code { (stream.aggregate_id) },
            }
        }
        (parts::fact("Version in it", html! { (it.version) }))
        (parts::fact("Recorded", parts::time(it.recorded_at)))
        (parts::fact("Schema version", html! { (it.event_version) }))
        (parts::fact("By", html! { code { (it.actor) } }))
        (parts::fact("Correlation", parts::copied("correlation id", it.correlation_id)))
        dt { "Cause" }
        dd {
            @match it.causation_id { Some(id) => (parts::copied("causation id", id)), None => (parts::none()) }
        }
        dt { "Trace" }
        dd {
            @match &it.trace_parent { Some(trace) => (parts::copied("trace", trace)), None => (parts::none()) }
        }
    }
}

fn chain(event: &Event) -> Markup {
    let it = &*event.envelope;
    html! {
        (parts::fact("Hash", parts::copied("hash", hex::encode(it.hash()))))
        (parts::fact("Previous hash", parts::copied("previous hash", hex::encode(it.previous_hash))))
        dt { "Follows" }
        dd {
            @match &event.before {
                None if it.version == 1 && it.previous_hash == [0; 32] => {
                    (parts::badge(Tone::Good, "first")) " the stream begins here"
                },
                Some(before) if before.hash() == it.previous_hash => {
                    (parts::badge(Tone::Good, "fits")) " event " (parts::position(before.position))
                    ", whose hash it carries"
                },
                Some(before) => {
                    (parts::badge(Tone::Bad, "does not fit")) " event " (parts::position(before.position))
                    " has another hash: something was changed"
                },
                None => {
                    (parts::badge(Tone::Bad, "does not fit")) " there is no event before it in its stream"
                },
            }
        }
        dt { "Followed by" }
        dd {
            @match event.after {
                Some(position) => { "event " (parts::position(position)) " of the stream" },
                None => span .soft { "nothing yet in its stream" },
            }
        }
        dt { "Proof" }
        dd { "Only an offline check proves anything: see " a href=(url::AUDIT) { "Audit" } "." }
    }
}
