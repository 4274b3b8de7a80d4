//! The parties: who is there, and how they have fared.

use countersign_domain::Timestamp;
use countersign_domain::engine::EngineId;
use countersign_domain::roster::PartyIdentity;
use countersign_projections::PartyView;
use maud::{Markup, html};

use crate::layout::{Frame, Page, Place};
use crate::parts::{self, Tone};

/// A party of the roster, and what is known of it.
#[derive(Debug, Clone)]
pub struct Party {
    /// Who.
    pub identity: PartyIdentity,
    /// Whether it was heard lately.
    pub present: bool,
    /// When it was last heard.
    pub last_seen: Option<Timestamp>,
    /// When it started, by its own clock.
    pub started_at: Option<Timestamp>,
    /// Its software's version.
    pub version: Option<String>,
    /// The engines it has.
    pub engines: Vec<EngineId>,
    /// Ceremonies it is running.
    pub running: u32,
    /// Whether it pins the same roster.
    pub roster_matches: Option<bool>,
    /// What it has done in all the sessions of the log.
    pub record: Option<PartyView>,
}

/// The page.
#[must_use]
pub fn page(frame: Frame, parties: &[Party]) -> String {
    let page = Page {
        frame,
        place: Place::Parties,
        title: "Parties",
        follow: Some("/v1/events/stream".to_owned()),
    };
    page.render(html! {
        div .head {
            h1 { "Parties" }
            p { "The parties of the roster that this server runs with. Presence is by signed \
                 heartbeats; the record is by the events of all sessions." }
        }
        section .panel aria-label="Presence and record" {
            div #parties data-part { (table(frame, parties)) }
        }
        section .panel aria-labelledby="identities" {
            header {
                h2 #identities { "Identity keys" }
                p { "For finding out what differs. Verify receipts against a copy of your own." }
            }
            (parts::table("Identity keys", &["Party", "Sign key (Ed25519)", "Seal key (X25519)"], html! {
                @for party in parties {
                    tr {
                        th scope="row" { (party.identity.party) }
                        td .wide { code { (party.identity.sign_key) } }
                        td .wide { code { (party.identity.seal_key) } }
                    }
                }
            }))
        }
    })
}

/// Whether a party is there.
pub(crate) fn presence(party: &Party) -> Markup {
    match (party.present, party.last_seen) {
        (true, _) => parts::badge(Tone::Good, "present"),
        (false, Some(_)) => parts::badge(Tone::Bad, "silent"),
        (false, None) => parts::badge(Tone::Bad, "not heard"),
    }
}

fn table(frame: Frame, parties: &[Party]) -> Markup {
    let columns = [
        "Party",
        "Presence",
        "Last heard",
        "Up since",
        "Version",
        "Engines",
        ">Running",
        "Roster",
        ">Sessions",
        ">Signatures",
        ">Blamed",
        "Last blame",
    ];
    parts::table(
        "Parties",
        &columns,
        html! {
            @for party in parties {
                tr {
                    th scope="row" { (party.identity.party) }
                    td { (presence(party)) }
                    td .nowrap { (party.last_seen.map_or("never".to_owned(), |at| parts::ago(at, frame.now))) }
                    td { @match party.started_at { Some(at) => (parts::time(at)), None => (parts::none()) } }
                    td { @match &party.version { Some(version) => (version), None => (parts::none()) } }
                    td { (parts::names(&party.engines.iter().map(ToString::to_string).collect::<Vec<_>>())) }
                    td .right .number { (party.running) }
                    td { (roster(party.roster_matches)) }
                    (record(party.record.as_ref()))
                }
            }
        },
    )
}

fn roster(matches: Option<bool>) -> Markup {
    match matches {
        Some(true) => parts::badge(Tone::Good, "same"),
        Some(false) => parts::badge(Tone::Bad, "another"),
        None => parts::none(),
    }
}

fn record(record: Option<&PartyView>) -> Markup {
    let Some(record) = record else {
        return html! {
            td .right .number { "0" } td .right .number { "0" } td .right .number { "0" } td { (parts::none()) }
        };
    };
    html! {
        td .right .number { (record.sessions_joined) }
        td .right .number { (record.signatures) }
        td .right .number { (record.attempts_blamed) }
        td .wide {
            @match &record.last_blame {
                Some(blame) => {
                    (blame.reason) ", attempt " (blame.attempt) " of " (parts::session(blame.session_id))
                    " " span .soft { (parts::time(blame.at)) }
                },
                None => (parts::none()),
            }
        }
    }
}
