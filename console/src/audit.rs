//! Checkpoints, what this server knows of them, and how to verify without it.

use countersign_domain::Timestamp;
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::parts::{self, Tone};

/// The signed checkpoints of the log, as far as this server knows.
#[derive(Debug, Clone)]
pub enum Checkpoints {
    /// This server is not told of any.
    Unknown,
    /// None was signed yet.
    None,
    /// The newest.
    Latest(Box<Checkpoint>),
}

/// A signed checkpoint.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// Root of the tree of their hashes, in hex.
    pub root: String,
    /// When the last of these events was recorded.
    pub last_recorded: Option<Timestamp>,
    /// The verifier key that the server names: name, hash and key.
    pub key: String,
    /// Whether the signature verifies under it.
    pub signature_verifies: bool,
    /// What came of making the root again from the log.
    pub recomputed: Recomputed,
    /// The signed note itself.
    pub note: String,
}

/// What came of making a root again from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recomputed {
    /// It is the one that was signed.
    Agrees,
    /// It is another one.
    Differs,
    /// The server is at this position, and goes on at the next look.
    Underway(u64),
}

/// The page.
#[must_use]
pub fn page(frame: Frame, checkpoints: &Checkpoints, head: u64) -> String {
    let page = Page {
        frame,
        place: Place::Audit,
        title: "Audit",
        follow: Some("/v1/events/stream".to_owned()),
    };
    page.render(html! {
        div .head { h1 { "Audit" } }
        div .note {
            p { strong { "Nothing on this page is a proof." } " It shows what this server says of itself." }
            p { "Only a check of an export on a machine of your own, with a verifier key that you got \
                 elsewhere, proves that the log is whole and was not changed." }
        }
        section .panel aria-labelledby="latest-title" {
            header { h2 #latest-title { "Latest checkpoint" } p { "Size and root of the log, signed (C2SP tlog-checkpoint)." } }
            div #latest data-part { (brief(frame, checkpoints, head)) }
        }
        section .panel aria-labelledby="verify-title" {
            header {
                h2 #verify-title { "Verify it yourself" }
                p { "On a machine of your own, with a binary that you trust." }
            }
            div .body { (commands()) }
        }
        div #note data-part {
            @if let Checkpoints::Latest(it) = checkpoints {
                section .panel aria-labelledby="note-title" {
                    header {
                        h2 #note-title { "The signed note" }
                        p { "As tools of transparency logs and witnesses read it." }
                    }
                    div .body { pre data-copy=(it.note) data-what="signed note" { (it.note) } }
                }
            }
        }
    })
}

/// What to type, and what it says.
const COMMANDS: [(&str, &str); 3] = [
    (
        "Take the log, its checkpoint and key away in one file, URL being the address of this server:",
        EXPORT,
    ),
    (
        "Check it offline: order, hashes, roots, signatures, and that everything recorded was asked \
         for and could happen. Give the verifier key that you got elsewhere, not the one on this page:",
        "countersign audit verify log.bundle --key KEY",
    ),
    (
        "Check that the log still begins with a checkpoint that you kept from before:",
        "countersign audit verify log.bundle --key KEY --checkpoint kept.note",
    ),
];

/// From the read API; URL is where its clients reach it.
const EXPORT: &str = "countersign audit export --url URL --out log.bundle";

fn commands() -> Markup {
    html! {
        @for (why, command) in COMMANDS {
            div .command {
                p { (why) }
                pre data-copy=(command) data-what="command" { (command) }
            }
        }
    }
}

/// The facts of the latest checkpoint.
pub(crate) fn brief(frame: Frame, checkpoints: &Checkpoints, head: u64) -> Markup {
    let it = match checkpoints {
        Checkpoints::Unknown => {
            return html! { p .empty { "This server is not told of any checkpoints." } };
        }
        Checkpoints::None => return html! { p .empty { "None was signed yet." } },
        Checkpoints::Latest(it) => it,
    };
    html! {
        dl .facts {
            (parts::fact("Log", html! { (it.origin) }))
            (parts::fact("Size", html! { (it.size) " events, " (lag(it.size, head)) }))
            (parts::fact("Root", parts::copied("root", &it.root)))
            dt { "Its last event" }
            dd {
                @match it.last_recorded {
                    Some(at) => {
                        "recorded " (parts::time(at)) " " span .soft { (parts::ago(at, frame.now)) }
                    },
                    None => (parts::none()),
                }
            }
            (parts::fact("Verifier key", parts::copied("verifier key", &it.key)))
            dt { "Signature" }
            dd {
                @if it.signature_verifies { (parts::badge(Tone::Good, "verifies")) " under this key" }
                @else { (parts::badge(Tone::Bad, "does not verify")) " under this key" }
            }
            dt { "Made again here" }
            dd { (recomputed(it)) }
        }
    }
}

fn recomputed(it: &Checkpoint) -> Markup {
    match it.recomputed {
        Recomputed::Agrees => html! {
            (parts::badge(Tone::Good, "agrees")) " the root of this server's log is the one signed"
        },
        Recomputed::Differs => html! {
            (parts::badge(Tone::Bad, "differs"))
            " the root of this server's log is another one: it is not the log that was signed"
        },
        Recomputed::Underway(position) => html! {
            (parts::badge(Tone::Live, "under way")) " at position " (position) " of " (it.size)
        },
    }
}

/// The latest checkpoint as a figure.
pub(crate) fn card(checkpoints: &Checkpoints, head: u64) -> Markup {
    html! {
        li .card {
            h2 { "Checkpoint behind" }
            @match checkpoints {
                Checkpoints::Latest(it) => {
                    @let lag = head.saturating_sub(it.size);
                    p .figure { (lag) small { @if lag == 1 { " event" } @else { " events" } } }
                    p { @if lag == 0 { (parts::badge(Tone::Good, "up to date")) }
                        @else { (parts::badge(Tone::Live, "signed soon")) }
                        " size " (it.size) }
                },
                Checkpoints::None => { p .figure { small { "none yet" } } p { "nothing was signed" } },
                Checkpoints::Unknown => { p .figure { small { "unknown" } } p { "this server is not told" } },
            }
        }
    }
}

fn lag(size: u64, head: u64) -> Markup {
    match head.saturating_sub(size) {
        0 => html! { "all there are" },
        lag => html! { (lag) " behind the head" },
    }
}
