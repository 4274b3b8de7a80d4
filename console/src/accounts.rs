//! The list of accounts.

use countersign_domain::account::AccountStatus;
use countersign_projections::{AccountView, Cursor};
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::{parts, url};

/// What is asked for, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A user name.
    pub username: String,
    /// An email address.
    pub email: String,
    /// A status.
    pub status: String,
    /// Whether the list does not begin with the newest account.
    pub continued: bool,
}

/// The page.
#[must_use]
pub fn page(
    frame: Frame,
    filter: &Filter,
    accounts: &[AccountView],
    next: Option<Cursor>,
) -> String {
    let page = Page {
        frame,
        place: Place::Accounts,
        title: "Accounts",
        follow: None,
    };
    let next = next.map(|cursor| filter.address(&cursor.to_string()));
    let first = filter.continued.then(|| filter.address(""));
    let statuses = AccountStatus::ALL.map(parts::Choice::plain);
    page.render(html! {
        div .head { h1 { "Accounts" } p { "Who may ask for keys and signatures, the newest first." } }
        section .panel aria-label="Accounts" {
            form .filter method="get" action=(url::ACCOUNTS) role="search" aria-label="Filter accounts" {
                (parts::text("username", "User name", "", &filter.username))
                (parts::text("email", "Email", "", &filter.email))
                (parts::choice("status", "Status", statuses, &filter.status))
                button .main { "Filter" }
                a .button href=(url::ACCOUNTS) { "Clear" }
            }
            @if accounts.is_empty() {
                p .empty { "No account fits. Names and addresses are compared whole, without case." }
            } @else {
                (table(accounts))
            }
            (parts::pager(accounts.len(), first.as_deref(), next.as_deref()))
        }
    })
}

fn table(accounts: &[AccountView]) -> Markup {
    let columns = [
        "Account",
        "User name",
        "Email",
        "Status",
        "Default quorum",
        "Registered",
    ];
    parts::table(
        "Accounts",
        &columns,
        html! {
            @for view in accounts {
                @let id = view.account_id.to_string();
                tr {
                    th scope="row" {
                        a data-row href=(url::of(url::ACCOUNTS, &id)) title=(id) { code { (parts::middle(&id)) } }
                    }
                    td .wide { (parts::personal(view.username.as_deref(), view.erased)) }
                    td .wide { (parts::personal(view.email.as_deref(), view.erased)) }
                    td { (parts::account_status(view.status)) }
                    td .number { (view.threshold) " of " (view.parties) }
                    td { (parts::time(view.created_at)) }
                }
            }
        },
    )
}

impl Filter {
    fn address(&self, cursor: &str) -> String {
        let parameters = [
            ("username", self.username.as_str()),
            ("email", &self.email),
            ("status", &self.status),
            ("cursor", cursor),
        ];
        url::with(url::ACCOUNTS, &parameters)
    }
}
