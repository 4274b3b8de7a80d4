//! One account, with its keys and sessions.

use countersign_projections::{AccountView, KeyRow, Page as Rows, SessionRow};
use maud::html;

use crate::layout::{Frame, Page, Place};
use crate::{keys, parts, sessions, url};

/// The page: the account, and the newest of its keys and sessions.
#[must_use]
pub fn page(
    frame: Frame,
    view: &AccountView,
    key_rows: &Rows<KeyRow>,
    session_rows: &Rows<SessionRow>,
) -> String {
    let id = view.account_id.to_string();
    // An account without a name is called by its id.
    let name = view.username.as_deref().unwrap_or(&id);
    let title = format!("Account {name}");
    let page = Page {
        frame,
        place: Place::Accounts,
        title: &title,
        follow: Some(url::with("/v1/events/stream", &[("account", &id)])),
    };
    let of_account = |page| url::with(page, &[("account", &id)]);
    let auth_key = serde_json::to_string(&view.auth_key).unwrap_or_default();
    page.render(html! {
        p .path { a href=(url::ACCOUNTS) { "Accounts" } }
        div #head data-part .head {
            h1 { "Account " (name) }
            (parts::account_status(view.status))
        }
        section .panel aria-labelledby="facts-title" {
            header {
                h2 #facts-title { "Facts" }
                a .more href=(of_account(url::EVENTS)) { "Events of this account" }
            }
            dl .facts #facts data-part {
                (parts::fact("Account id", parts::copied("account id", &id)))
                (parts::fact("User name", parts::personal(view.username.as_deref(), view.erased)))
                (parts::fact("Email", parts::personal(view.email.as_deref(), view.erased)))
                (parts::fact("Default quorum", html! { (view.threshold) " of " (view.parties) }))
                (parts::fact("Auth key", parts::copied("auth key", auth_key)))
                (parts::fact("Its thumbprint", parts::copied("thumbprint", &view.auth_key_thumbprint)))
                (parts::fact("Registered", html! {
                    (parts::time(view.created_at)) " at position " (parts::position(view.created_position))
                }))
                (parts::fact("Last change", html! {
                    (parts::time(view.updated_at)) " at position " (parts::position(view.position))
                }))
            }
        }
        section .panel aria-labelledby="keys-title" {
            header { h2 #keys-title { "Keys" } a .more href=(of_account(url::KEYS)) { "All of this account" } }
            div #keys-part data-part {
                @if key_rows.items.is_empty() { p .empty { "None yet." } }
                @else { (keys::table(&key_rows.items)) }
            }
        }
        section .panel aria-labelledby="sessions-title" {
            header {
                h2 #sessions-title { "Sessions" }
                a .more href=(of_account(url::SESSIONS)) { "All of this account" }
            }
            div #sessions data-part {
                @if session_rows.items.is_empty() { p .empty { "None yet." } }
                @else { (sessions::table(frame, &session_rows.items)) }
            }
        }
    })
}
