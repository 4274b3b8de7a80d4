//! What went wrong, in the words of the API.

use maud::html;

use crate::layout::{Frame, Page, Place};
use crate::url;

/// A request that has no page.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The HTTP status.
    pub status: u16,
    /// What kind of thing it is.
    pub title: &'a str,
    /// What exactly.
    pub detail: &'a str,
    /// The stable name.
    pub code: &'a str,
    /// Finds the request in the server's log.
    pub trace_id: &'a str,
}

/// The page of a problem.
#[must_use]
pub fn page(frame: Frame, problem: &Problem<'_>) -> String {
    let page = Page {
        frame,
        place: Place::Nowhere,
        title: problem.title,
        follow: None,
    };
    page.render(html! {
        div .head { h1 { (problem.title) } }
        div .note .bad { p { (problem.detail) } }
        dl .facts {
            dt { "Status" } dd { (problem.status) }
            dt { "Code" } dd { code { (problem.code) } }
            dt { "Trace" } dd { code data-copy=(problem.trace_id) data-what="trace id" { (problem.trace_id) } }
        }
        p { a href=(url::OVERVIEW) { "Back to the overview" } }
    })
}
