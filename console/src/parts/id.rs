//! Ids and hashes: short to look at, whole to copy.

use std::fmt::Display;

use countersign_domain::ids::{AccountId, KeyId, SessionId};
use maud::{Markup, html};

use crate::url;

/// How many characters are left of a long text, before and after the gap.
const HEAD: usize = 8;
const TAIL: usize = 6;

/// The text with its middle left out, if it is long.
pub(crate) fn middle(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= HEAD + TAIL + 3 {
        return text.to_owned();
    }
    let head: String = text.chars().take(HEAD).collect();
    let tail: String = text.chars().skip(letters - TAIL).collect();
    format!("{head}…{tail}")
}

/// A text of fixed width, short.
pub(crate) fn code(text: impl Display) -> Markup {
    let text = text.to_string();
    html! { code title=(text) { (middle(&text)) } }
}

/// A text of fixed width, whole, with a button to copy it.
pub(crate) fn copied(what: &str, text: impl Display) -> Markup {
    let text = text.to_string();
    html! { code data-copy=(text) data-what=(what) { (text) } }
}

/// A link to the page of an id.
pub(crate) fn link(folder: &str, id: impl Display) -> Markup {
    let id = id.to_string();
    html! { a href=(url::of(folder, &id)) title=(id) { code { (middle(&id)) } } }
}

pub(crate) fn session(id: SessionId) -> Markup {
    link(url::SESSIONS, id)
}

pub(crate) fn key(id: KeyId) -> Markup {
    link(url::KEYS, id)
}

pub(crate) fn account(id: AccountId) -> Markup {
    link(url::ACCOUNTS, id)
}

/// A link to the event at a position.
pub(crate) fn position(position: u64) -> Markup {
    html! { a .number href=(url::of(url::EVENTS, position)) { (position) } }
}
