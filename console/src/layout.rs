//! What every page has around it.

use countersign_domain::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::{assets, parts, url};

/// When a page was made and what it shows.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The time, by the server's clock.
    pub now: Timestamp,
    /// Position of the last event that the page shows at least.
    pub position: u64,
}

/// Where a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    Sessions,
    Keys,
    Accounts,
    Parties,
    Events,
    Audit,
    Nowhere,
}

const PLACES: [(Place, &str, &str); 7] = [
    (Place::Overview, "Overview", url::OVERVIEW),
    (Place::Sessions, "Sessions", url::SESSIONS),
    (Place::Keys, "Keys", url::KEYS),
    (Place::Accounts, "Accounts", url::ACCOUNTS),
    (Place::Parties, "Parties", url::PARTIES),
    (Place::Events, "Events", url::EVENTS),
    (Place::Audit, "Audit", url::AUDIT),
];

/// A page.
pub(crate) struct Page<'a> {
    pub(crate) frame: Frame,
    pub(crate) place: Place,
    pub(crate) title: &'a str,
    /// The event stream that tells when the page has changed.
    pub(crate) follow: Option<String>,
}

impl Page<'_> {
    /// The whole document around its content.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a template is made to be put into another one"
    )]
    pub(crate) fn render(self, content: Markup) -> String {
        let follow = self.follow.as_deref();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (self.title) " · Countersign" }
                    link rel="icon" type="image/svg+xml" href=(assets::mark());
                    link rel="stylesheet" href=(assets::style());
                    script src=(assets::script()) {}
                }
                body {
                    (top(self.place))
                    main #main tabindex="-1" data-follow=[follow]
                        data-position=(self.frame.position) {
                        (content)
                    }
                    (foot(self.frame, follow.is_some()))
                }
            }
        };
        page.into_string()
    }
}

fn top(place: Place) -> Markup {
    html! {
        header .top {
            a .skip href="#main" { "Skip to content" }
            a .brand href=(url::OVERVIEW) {
                img src=(assets::mark()) alt="" width="24" height="24";
                "Countersign " span { "console" }
            }
            nav .places aria-label="Pages" {
                ul {
                    @for (it, name, href) in PLACES {
                        li {
                            a href=(href) aria-current=[(it == place).then_some("page")] { (name) }
                        }
                    }
                }
            }
            div .tools #tools {}
        }
    }
}

fn foot(frame: Frame, follows: bool) -> Markup {
    html! {
        footer .foot {
            p { "Read only. Shows the log up to position "
                span .number { (frame.position) } " at " (parts::time(frame.now)) " UTC." }
            @if follows {
                p { span .heard #heard { "Not live" } }
                noscript { p { "Without script nothing is missing but live refresh." } }
            } @else {
                noscript { p { "Without script nothing is missing." } }
            }
            p .visually-hidden #said role="status" aria-live="polite" {}
        }
    }
}
