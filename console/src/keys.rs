//! The list of keys.

use std::sync::Arc;

use countersign_domain::key::KeyStatus;
use countersign_projections::{KeyRow, Page as Rows};
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::{parts, url};

/// What is asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A status.
    pub status: String,
    /// An account's id.
    pub account: String,
    /// Whether the list does not begin with the newest key.
    pub continued: bool,
}

/// The page.
#[must_use]
pub fn page(frame: Frame, filter: &Filter, rows: &Rows<KeyRow>) -> String {
    let page = Page {
        frame,
        place: Place::Keys,
        title: "Keys",
        follow: None,
    };
    let next = rows.next.map(|cursor| filter.address(&cursor.to_string()));
    let first = filter.continued.then(|| filter.address(""));
    let statuses = KeyStatus::ALL.map(parts::Choice::plain);
    page.render(html! {
        div .head {
            h1 { "Keys" }
            p { "Threshold keys, the newest first. No machine has ever held one whole." }
        }
        section .panel aria-label="Keys" {
            form .filter method="get" action=(url::KEYS) role="search" aria-label="Filter keys" {
                (parts::choice("status", "Status", statuses, &filter.status))
                (parts::text("account", "Account id", "id", &filter.account))
                button .main { "Filter" }
                a .button href=(url::KEYS) { "Clear" }
            }
            @if rows.items.is_empty() {
                p .empty { "No key fits." }
            } @else {
                (table(&rows.items))
            }
            (parts::pager(rows.items.len(), first.as_deref(), next.as_deref()))
        }
    })
}

/// Keys as rows.
pub(crate) fn table(rows: &[Arc<KeyRow>]) -> Markup {
    let columns = [
        "Key",
        "Status",
        "Quorum",
        "Ethereum address",
        "Account",
        "Members",
        ">Epoch",
        "Asked for",
    ];
    parts::table("Keys", &columns, html! { @for row in rows { (one(row)) } })
}

fn one(row: &KeyRow) -> Markup {
    let view = &row.view;
    let id = view.key_id.to_string();
    let members: Vec<_> = view
        .members
        .iter()
        .map(|it| it.identity.party.as_str())
        .collect();
    html! {
        tr {
            th scope="row" {
                a data-row href=(url::of(url::KEYS, &id)) title=(id) { code { (parts::middle(&id)) } }
            }
            td { (parts::key_status(view.status)) }
            td .number { (view.threshold) " of " (view.parties) }
            td {
                @match &view.ethereum_address {
                    Some(address) => (parts::code(address)),
                    None => (parts::none()),
                }
            }
            td { (parts::account(view.account_id)) }
            td { (parts::names(&members)) }
            td .right .number { (view.epoch) }
            td { (parts::time(view.created_at)) }
        }
    }
}

impl Filter {
    fn address(&self, cursor: &str) -> String {
        let parameters = [
            ("status", self.status.as_str()),
            ("account", &self.account),
            ("cursor", cursor),
        ];
        url::with(url::KEYS, &parameters)
    }
}
