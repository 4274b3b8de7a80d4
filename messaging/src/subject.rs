//! The subjects that messages travel on, and how patterns match them.
//!
//! Every subject begins with `cs.v1`. NATS permissions are granted on these
//! shapes, so each names the party or the aggregate it concerns in a token of
//! its own. In a pattern `*` stands for one token and a final `>` for one or
//! more (the rules of NATS).

use std::fmt::Display;

use countersign_domain::ids::{PartyId, SessionId};

/// Where the relay publishes one event.
#[must_use]
pub fn events(aggregate: &str, event_type: &str, id: impl Display) -> String {
    format!("cs.v1.events.{aggregate}.{event_type}.{id}")
}

/// Every event of one kind of aggregate.
#[must_use]
pub fn events_of(aggregate: &str) -> String {
    format!("cs.v1.events.{aggregate}.>")
}

/// Every event.
#[must_use]
pub fn events_all() -> String {
    "cs.v1.events.>".to_owned()
}

/// Where a process that has appended to the log says up to which position.
#[must_use]
pub fn log_head() -> String {
    "cs.v1.head.log".to_owned()
}

/// Where the projector says up to which position the read models are.
#[must_use]
pub fn projected_head() -> String {
    "cs.v1.head.projected".to_owned()
}

/// Where whoever signs the log's checkpoints says which is the newest.
#[must_use]
pub fn checkpoint() -> String {
    "cs.v1.checkpoint".to_owned()
}

/// Where the relay says up to which position events are in the feed.
#[must_use]
pub fn relayed_head() -> String {
    "cs.v1.head.relayed".to_owned()
}

/// Protocol frames of one attempt, for one party.
#[must_use]
pub fn mpc(session: SessionId, attempt: u32, party: &PartyId) -> String {
    format!("cs.v1.mpc.{session}.{attempt}.{party}")
}

/// Protocol frames of every attempt, for one party.
#[must_use]
pub fn mpc_all_of(party: &PartyId) -> String {
    format!("cs.v1.mpc.*.*.{party}")
}

/// Sealed invitations to one party.
#[must_use]
pub fn invite(party: &PartyId) -> String {
    format!("cs.v1.invite.{party}")
}

/// Where parties send their session commands, as requests.
#[must_use]
pub fn session_commands() -> String {
    "cs.v1.command.session".to_owned()
}

/// Heartbeats of one party.
#[must_use]
pub fn presence(party: &PartyId) -> String {
    format!("cs.v1.presence.{party}")
}

/// Heartbeats of every party.
#[must_use]
pub fn presence_all() -> String {
    "cs.v1.presence.*".to_owned()
}

/// Live progress of one session.
#[must_use]
pub fn progress(session: SessionId) -> String {
    format!("cs.v1.progress.{session}")
}

/// Live progress of every session.
#[must_use]
pub fn progress_all() -> String {
    "cs.v1.progress.*".to_owned()
}

/// Whether a message can be published on this subject: non-empty tokens, no
/// wildcards, no white space or control characters.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    text.split('.')
        .all(|token| is_token(token) && token != "*" && token != ">")
}

/// Whether this can be subscribed to: a subject, or one with wildcards.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        if !is_token(token) || (token == ">" && tokens.peek().is_some()) {
            return false;
        }
    }
    true
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && !token.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Whether a subscription to `pattern` receives what is published on `subject`.
///
/// ```
/// use countersign_messaging::subject::matches;
///
/// assert!(matches("cs.v1.mpc.*.*.alpha", "cs.v1.mpc.s.1.alpha"));
/// assert!(matches("cs.v1.events.key.>", "cs.v1.events.key.KeyActivated.k"));
/// assert!(!matches("cs.v1.events.key.>", "cs.v1.events.key"));
/// ```
#[must_use]
pub fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_domain::ids::SessionId;

    #[test]
    fn subjects_have_their_documented_shape() {
        let party: PartyId = "alpha".parse().unwrap();
        let session = SessionId::default();
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(
            events("key", "KeyActivated", session),
            format!("cs.v1.events.key.KeyActivated.{nil}")
        );
        assert_eq!(events_of("key"), "cs.v1.events.key.>");
        assert_eq!(events_all(), "cs.v1.events.>");
        assert_eq!(log_head(), "cs.v1.head.log");
        assert_eq!(projected_head(), "cs.v1.head.projected");
        assert_eq!(checkpoint(), "cs.v1.checkpoint");
        assert_eq!(relayed_head(), "cs.v1.head.relayed");
        assert_eq!(mpc(session, 3, &party), format!("cs.v1.mpc.{nil}.3.alpha"));
        assert_eq!(mpc_all_of(&party), "cs.v1.mpc.*.*.alpha");
        assert_eq!(invite(&party), "cs.v1.invite.alpha");
        assert_eq!(session_commands(), "cs.v1.command.session");
        assert_eq!(presence(&party), "cs.v1.presence.alpha");
        assert_eq!(presence_all(), "cs.v1.presence.*");
        assert_eq!(progress(session), format!("cs.v1.progress.{nil}"));
        assert_eq!(progress_all(), "cs.v1.progress.*");
    }

    #[test]
    fn a_star_is_one_token_and_an_arrow_is_the_rest() {
        assert!(matches("a.*.c", "a.b.c"));
        assert!(!matches("a.*", "a"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(matches("a.>", "a.b"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(matches(">", "a"));
        assert!(matches("a.b", "a.b"));
        assert!(!matches("a.b", "a.b.c"));
        assert!(!matches("a.b.c", "a.b"));
        assert!(!matches("a.*.c", "a.b.d"));
    }

    #[test]
    fn wildcards_are_for_subscribing_only() {
        assert!(is_subject("a.b"));
        for bad in ["", ".", "a.", "a..b", "a b", "a.\n", "a.*", "a.>"] {
            assert!(!is_subject(bad), "{bad:?}");
        }
        for good in ["a", "a.*.b", "a.>", ">", "*"] {
            assert!(is_pattern(good), "{good:?}");
        }
        for bad in ["", "a..b", "a.>.b", "a. "] {
            assert!(!is_pattern(bad), "{bad:?}");
        }
    }
}
