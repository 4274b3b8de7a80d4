//! One session: its facts, its course as a drawing and as tables.

mod drawing;
mod tables;

use countersign_domain::Timestamp;
use countersign_domain::ids::PartyId;
use countersign_projections::SessionView;
use countersign_projections::timeline::SessionCourse;
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::{parts, url};

/// A session.
#[derive(Debug, Clone)]
pub struct Session<'a> {
    /// As the read models have it.
    pub view: &'a SessionView,
    /// Its course.
    pub course: &'a SessionCourse,
    /// Where its parties are, as long as it is open.
    pub progress: Vec<PartyAt>,
}

/// Where a party is.
#[derive(Debug, Clone)]
pub struct PartyAt {
    /// Who.
    pub party: PartyId,
    /// What it does.
    pub phase: String,
    /// When it came to it, by its own clock.
    pub at: Timestamp,
}

/// The page.
#[must_use]
pub fn page(frame: Frame, session: &Session<'_>) -> String {
    let (view, course) = (session.view, session.course);
    let id = view.session_id.to_string();
    let title = format!("Session {}", parts::middle(&id));
    let page = Page {
        frame,
        place: Place::Sessions,
        title: &title,
        follow: Some(url::with("/v1/events/stream", &[("session", &id)])),
    };
    page.render(html! {
        p .path { a href=(url::SESSIONS) { "Sessions" } }
        div #head data-part .head {
            h1 { "Session " span .id { (parts::copied("session id", &id)) } }
            (parts::session_status(course.status))
            p {
                (course.kind) ", " (course.threshold) " of " (course.parties) ", "
                (parts::duration(course.took_ms))
                @if course.ended_at.is_none() { " so far" }
            }
        }
        div #failure data-part {
            @if let Some(failure) = &course.failure {
                div .note .bad { p { strong { "Failed: " (failure.reason) "." } " " (failure.detail) } }
            }
        }
        section .panel aria-labelledby="course-title" {
            header {
                h2 #course-title { "Course" }
                p { "From the request to the end. The tables below say the same." }
            }
            div .body #course data-part {
                (drawing::draw(course))
            }
        }
        div .columns #facts data-part {
            section .panel aria-labelledby="asked" {
                header { h2 #asked { "What was asked" } a .more href=(events(&id)) { "Events of this session" } }
                dl .facts { (asked(view)) }
            }
            section .panel aria-labelledby="result" {
                header { h2 #result { "Result" } }
                dl .facts { (result(view)) }
            }
        }
        (live(frame, session))
        (tables::all(view, course))
    })
}

fn events(id: &str) -> String {
    url::with(url::EVENTS, &[("session", id)])
}

fn asked(view: &SessionView) -> Markup {
    html! {
        (parts::fact("Account", parts::account(view.account_id)))
        (parts::fact("Key", html! { (parts::key(view.key_id)) ", epoch " (view.epoch) }))
        (parts::fact("Engine", html! { (view.engine) }))
        (parts::fact("Asked for", parts::time(view.created_at)))
        dt { "Rounds began" }
        dd { @match view.started_at { Some(at) => (parts::time(at)), None => (parts::none()) } }
        dt { "Over" }
        dd { @match view.ended_at { Some(at) => (parts::time(at)), None => (parts::none()) } }
        (parts::fact("Ends in any case", parts::time(view.expires_at)))
        (parts::fact("Positions", html! {
            (parts::position(view.created_position)) " to " (parts::position(view.position))
        }))
        @if let Some(digest) = &view.digest { (parts::fact("Digest", parts::copied("digest", digest))) }
        @if let Some(hash) = &view.hash { (parts::fact("Hash scheme", html! { (hash) })) }
        @if let Some(path) = &view.path { (parts::fact("Path", html! { code { (path) } })) }
    }
}

fn result(view: &SessionView) -> Markup {
    html! {
        @if let Some(key) = &view.public_key { (parts::fact("Public key", parts::copied("public key", key))) }
        @if let Some(address) = &view.ethereum_address {
            (parts::fact("Ethereum address", parts::copied("Ethereum address", address)))
        }
        @if let Some(signature) = &view.signature {
            (parts::fact("r", parts::copied("r", signature.r)))
            (parts::fact("s", parts::copied("s", signature.s)))
            (parts::fact("v", html! { (signature.v) }))
            (parts::fact("Compact", parts::copied("compact signature", signature.compact())))
            @if let Ok(der) = signature.der() { (parts::fact("DER", parts::copied("DER signature", hex::encode(der)))) }
        } @else {
            dt { "Signature" }
            dd { (parts::none()) }
        }
    }
}

/// Where the parties are now: not in the log, so not among the tables.
fn live(frame: Frame, session: &Session<'_>) -> Markup {
    html! {
        div #live data-part {
            @if !session.progress.is_empty() {
                section .panel aria-labelledby="live-title" {
                    header {
                        h2 #live-title { "Now" }
                        p { "What the parties tell while they compute, by their own clocks." }
                    }
                    (parts::table("Where the parties are", &["Party", "Does", "Since"], html! {
                        @for at in &session.progress {
                            tr {
                                th scope="row" { (at.party) }
                                td { (at.phase) }
                                td { (parts::ago(at.at, frame.now)) }
                            }
                        }
                    }))
                }
            }
        }
    }
}
