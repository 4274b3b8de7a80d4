//! The list of sessions.

use std::sync::Arc;

use countersign_domain::session::{SessionKind, SessionStatus};
use countersign_projections::{Page as Rows, SessionRow, SessionView};
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::{parts, url};

/// What is asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A status.
    pub status: String,
    /// A kind.
    pub kind: String,
    /// An account's id.
    pub account: String,
    /// A key's id.
    pub key: String,
    /// Whether the list does not begin with the newest session.
    pub continued: bool,
}

const KINDS: [SessionKind; 4] = [
    SessionKind::Keygen,
    SessionKind::Sign,
    SessionKind::Refresh,
    SessionKind::Recover,
];

/// The page.
#[must_use]
pub fn page(frame: Frame, filter: &Filter, rows: &Rows<SessionRow>) -> String {
    let page = Page {
        frame,
        place: Place::Sessions,
        title: "Sessions",
        follow: (!filter.continued).then(|| filter.stream()),
    };
    let next = rows.next.map(|cursor| filter.address(&cursor.to_string()));
    let first = filter.continued.then(|| filter.address(""));
    page.render(html! {
        div .head { h1 { "Sessions" } p { "Runs of a protocol, the newest first." } }
        section .panel aria-label="Sessions" {
            (form(filter))
            div #sessions data-part {
                @if rows.items.is_empty() {
                    p .empty { "No session fits." }
                } @else {
                    (table(frame, &rows.items))
                }
                (parts::pager(rows.items.len(), first.as_deref(), next.as_deref()))
            }
        }
    })
}

fn form(filter: &Filter) -> Markup {
    let statuses = SessionStatus::ALL.map(parts::Choice::plain);
    html! {
        form .filter method="get" action=(url::SESSIONS) role="search" aria-label="Filter sessions" {
            (parts::choice("status", "Status", statuses, &filter.status))
            (parts::choice("kind", "Kind", KINDS.map(parts::Choice::plain), &filter.kind))
            (parts::text("account", "Account id", "id", &filter.account))
            (parts::text("key", "Key id", "id", &filter.key))
            button .main { "Filter" }
            a .button href=(url::SESSIONS) { "Clear" }
        }
    }
}

/// Sessions as rows.
pub(crate) fn table(frame: Frame, rows: &[Arc<SessionRow>]) -> Markup {
    let columns = [
        "Session",
        "Kind",
        "Status",
        "Account",
        "Key",
        "Signers",
        ">Attempt",
        "Asked for",
        ">Took",
    ];
    parts::table(
        "Sessions",
        &columns,
        html! { @for row in rows { (one(frame, &row.view)) } },
    )
}

fn one(frame: Frame, view: &SessionView) -> Markup {
    let id = view.session_id.to_string();
    let until = view.ended_at.unwrap_or(frame.now);
    let took = countersign_projections::timeline::milliseconds(view.created_at, until);
    html! {
        tr {
            th scope="row" {
                a data-row href=(url::of(url::SESSIONS, &id)) title=(id) { code { (parts::middle(&id)) } }
            }
            td { (view.kind) }
            td { (parts::session_status(view.status)) }
            td { (parts::account(view.account_id)) }
            td { (parts::key(view.key_id)) }
            td .names { (parts::names(&view.signers)) }
            td .right .number { (view.attempt) " of " (view.max_attempts) }
            td { (parts::time(view.created_at)) }
            td .right .number {
                (parts::duration(took))
                @if view.ended_at.is_none() { span .soft { " so far" } }
            }
        }
    }
}

impl Filter {
    fn address(&self, cursor: &str) -> String {
        let parameters = [
            ("status", self.status.as_str()),
            ("kind", &self.kind),
            ("account", &self.account),
            ("key", &self.key),
            ("cursor", cursor),
        ];
        url::with(url::SESSIONS, &parameters)
    }

    fn stream(&self) -> String {
        let parameters = [("account", self.account.as_str()), ("key", &self.key)];
        url::with("/v1/events/stream", &parameters)
    }
}
