//! Statuses: a sign and a word, so that colour is never all there is.

use countersign_domain::account::AccountStatus;
use countersign_domain::key::KeyStatus;
use countersign_domain::session::SessionStatus;
use maud::{Markup, html};

/// What a status means to whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warn,
    Live,
    Idle,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "status good",
            Self::Bad => "status bad",
            Self::Warn => "status warn",
            Self::Live => "status live",
            Self::Idle => "status",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "×",
            Self::Warn => "!",
            Self::Live => "▸",
            Self::Idle => "·",
        }
    }
}

/// A word in a tone.
pub(crate) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class=(tone.class()) { span aria-hidden="true" { (tone.sign()) } (word) } }
}

pub(crate) fn session_status(status: SessionStatus) -> Markup {
    let tone = match status {
        SessionStatus::Created | SessionStatus::Waiting | SessionStatus::InProgress => Tone::Live,
        SessionStatus::Completed => Tone::Good,
        SessionStatus::Failed => Tone::Bad,
        SessionStatus::Expired => Tone::Warn,
        SessionStatus::Cancelled => Tone::Idle,
    };
    badge(tone, &status.to_string().replace('_', " "))
}

pub(crate) fn key_status(status: KeyStatus) -> Markup {
    let tone = match status {
        KeyStatus::Requested => Tone::Live,
        KeyStatus::Active => Tone::Good,
        KeyStatus::Frozen => Tone::Warn,
        KeyStatus::Retired => Tone::Idle,
    };
    badge(tone, &status.to_string())
}

pub(crate) fn account_status(status: AccountStatus) -> Markup {
    let tone = match status {
        AccountStatus::Active => Tone::Good,
        AccountStatus::Suspended | AccountStatus::Locked => Tone::Warn,
        AccountStatus::Recovering => Tone::Live,
        AccountStatus::Closed => Tone::Idle,
    };
    badge(tone, &status.to_string())
}
