//! The process manager: what is owed, to whom, and until when.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::decider::Decider;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::key::{Key, KeyCommand, KeyEvent, KeyFacts, KeyStatus};
use countersign_domain::process::{Due, Invitation, ProcessManager};
use countersign_domain::session::{
    AttemptFailure, NewSession, Session, SessionCommand, SessionEvent, SessionKind, SessionStatus,
};
use proptest::prelude::*;

use crate::fixture::{
    account_of, activated, alice, and, at, attempt_failed, created, facts, group_public_key,
    in_progress, joined, key_id, keygen, keygen_session, party, ready, receipts, reported_receipt,
    requested, signing, signing_session, started,
};
use crate::moves::{Move, a_move, a_session};

fn fed(session: SessionId, events: &[SessionEvent], at: Timestamp) -> ProcessManager {
    let mut manager = ProcessManager::default();
    for event in events {
        manager.observe_session(session, event, at, 1);
    }
    manager
}

fn owed(manager: &ProcessManager) -> Vec<String> {
    let words = manager.follow_ups();
    words.iter().map(|owed| format!("{owed:?}")).collect()
}

fn commands(manager: &ProcessManager) -> Vec<KeyCommand> {
    let owed = manager.follow_ups();
    owed.into_iter()
        .map(|follow_up| follow_up.command)
        .collect()
}

fn banned(reporter: u8, culprit: u8) -> KeyEvent {
    KeyEvent::PairBanned {
        reporter: party(reporter),
        culprit: party(culprit),
    }
}

fn cheated(attempt: u32, culprits: &[u8], reporter: u8, next: &[u8]) -> SessionEvent {
    attempt_failed(
        attempt,
        AttemptFailure::Cheating,
        culprits,
        Some(reporter),
        next,
    )
}

// ---- invitations and deadlines

#[test]
fn a_new_session_owes_an_invitation_to_each_signer() {
    let manager = fed(signing_session(), &[created(&signing(2, 3))], at(0));
    let invited = |party_index, attempt| Invitation {
        session: signing_session(),
        attempt,
        party: party(party_index),
    };
    assert_eq!(
        manager.invitations(signing_session()),
        [invited(1, 1), invited(2, 1)]
    );
    let manager = fed(
        signing_session(),
        &[created(&signing(2, 3)), joined(1), ready(1)],
        at(0),
    );
    assert_eq!(manager.invitations(signing_session()), [invited(2, 1)]);
    let again = and(
        in_progress(&signing(2, 3)),
        [attempt_failed(
            1,
            AttemptFailure::Silence { round: 1 },
            &[2],
            Some(1),
            &[1, 3],
        )],
    );
    let manager = fed(signing_session(), &again, at(0));
    assert_eq!(manager.invitations(signing_session()), [invited(3, 2)]);
}

#[test]
fn a_session_in_progress_or_unknown_owes_no_invitation() {
    let manager = fed(signing_session(), &in_progress(&signing(2, 3)), at(0));
    assert_eq!(manager.invitations(signing_session()), []);
    assert_eq!(manager.invitations(keygen_session()), []);
}

#[test]
fn the_deadline_is_for_getting_ready_then_for_the_rounds() {
    // 10 s to get ready, 30 s for the rounds, 300 s in all.
    let session = signing_session();
    let mut manager = ProcessManager::default();
    manager.observe_session(session, &created(&signing(2, 3)), at(0), 1);
    assert_eq!(manager.next_deadline(), Some(at(10)));
    // Joining does not buy time.
    for event in [joined(1), ready(1), joined(2), ready(2)] {
        manager.observe_session(session, &event, at(5), 1);
        assert_eq!(manager.next_deadline(), Some(at(10)));
    }
    manager.observe_session(session, &started(1, &[1, 2]), at(6), 1);
    assert_eq!(manager.next_deadline(), Some(at(36)));
    assert_eq!(manager.due(at(35)), []);
    let due = Due::AttemptTimedOut {
        session,
        attempt: 1,
    };
    assert_eq!(manager.due(at(36)), [due]);
    // The next attempt has its own time to get ready.
    let failed = attempt_failed(1, AttemptFailure::Timeout, &[2], None, &[1, 2]);
    manager.observe_session(session, &failed, at(36), 1);
    assert_eq!(manager.next_deadline(), Some(at(46)));
    let due = Due::AttemptTimedOut {
        session,
        attempt: 2,
    };
    assert_eq!(manager.due(at(46)), [due]);
}

#[test]
fn no_deadline_is_later_than_the_end_of_the_session() {
    let session = signing_session();
    let manager = fed(session, &in_progress(&signing(2, 3)), at(290));
    assert_eq!(manager.next_deadline(), Some(at(300)));
    assert_eq!(manager.due(at(299)), []);
    assert_eq!(manager.due(at(300)), [Due::Expire { session }]);
    // Late, the end of the session comes before that of an attempt.
    let manager = fed(session, &[created(&signing(2, 3))], at(0));
    assert_eq!(manager.due(at(1000)), [Due::Expire { session }]);
}

#[test]
fn a_session_that_ended_has_no_deadline() {
    let events = and(
        in_progress(&signing(2, 3)),
        [SessionEvent::SessionExpired {}],
    );
    let manager = fed(signing_session(), &events, at(0));
    assert_eq!(manager.next_deadline(), None);
    assert_eq!(manager.due(at(100_000)), []);
    assert_eq!(manager.open_sessions().count(), 0);
    assert!(manager.session(signing_session()).is_none());
    assert!(
        owed(&manager).is_empty(),
        "a sign session owes no key anything"
    );
}

#[test]
fn events_of_a_session_that_was_never_created_are_left_alone() {
    let manager = fed(signing_session(), &[joined(1), started(1, &[1, 2])], at(0));
    assert_eq!(manager.open_sessions().count(), 0);
    assert_eq!(manager.next_deadline(), None);
}

// ---- what keys are owed

fn completed_keygen() -> Vec<SessionEvent> {
    let reports = (1u8..)
        .zip(receipts(2, 3))
        .map(|(index, receipt)| reported_receipt(index, 1, receipt));
    let completed = SessionEvent::SessionCompleted {
        public_key: group_public_key(),
        signature: None,
    };
    and(and(in_progress(&keygen(2, 3)), reports), [completed])
}

#[test]
fn a_completed_key_generation_owes_the_activation_until_it_happened() {
    let mut manager = fed(keygen_session(), &completed_keygen(), at(0));
    let follow_ups = manager.follow_ups();
    assert_eq!(follow_ups.len(), 1);
    assert_eq!(follow_ups[0].key, key_id());
    assert_eq!(follow_ups[0].session, keygen_session());
    let KeyCommand::Activate { receipts: carried } = &follow_ups[0].command else {
        panic!("{follow_ups:?}")
    };
    assert_eq!(*carried, receipts(2, 3));
    // The key takes it as it is.
    let mut key = Key::default();
    key.evolve(&requested(2, 3));
    let events = key.decide(follow_ups[0].command.clone()).unwrap();
    assert_eq!(events, [activated(2, 3)]);

    let other = KeyId(uuid::Uuid::from_u128(1));
    manager.observe_key(other, &events[0]);
    assert_eq!(manager.follow_ups().len(), 1);
    manager.observe_key(key_id(), &events[0]);
    assert!(manager.follow_ups().is_empty());
}

#[test]
fn a_key_generation_that_came_to_nothing_owes_the_retirement_until_it_happened() {
    for (end, words) in [
        (
            SessionEvent::SessionExpired {},
            "its generation was expired",
        ),
        (
            SessionEvent::SessionCancelled {
                intent: "c".to_owned(),
            },
            "its generation was cancelled",
        ),
        (
            SessionEvent::SessionFailed {
                reason: countersign_domain::session::FailureReason::Refused,
                detail: "attempt 1 failed: refused — p2".to_owned(),
            },
            "attempt 1 failed: refused — p2",
        ),
    ] {
        let events = and(in_progress(&keygen(2, 3)), [end]);
        let mut manager = fed(keygen_session(), &events, at(0));
        let owed = commands(&manager);
        assert!(
            matches!(owed.as_slice(), [KeyCommand::Retire { reason }] if reason == words),
            "{owed:?}"
        );
        let retired = KeyEvent::KeyRetired {
            reason: words.to_owned(),
        };
        manager.observe_key(key_id(), &retired);
        assert!(manager.follow_ups().is_empty());
    }
}

#[test]
fn cheating_owes_a_ban_until_the_pair_is_banned_whoever_reported_it() {
    let events = and(in_progress(&signing(2, 3)), [cheated(1, &[2], 1, &[1, 3])]);
    for answer in [banned(1, 2), banned(2, 1)] {
        let mut manager = fed(signing_session(), &events, at(0));
        let owed = commands(&manager);
        assert!(
            matches!(
                owed.as_slice(),
                [KeyCommand::BanPair { reporter, culprit }]
                    if *reporter == party(1) && *culprit == party(2)
            ),
            "{owed:?}"
        );
        manager.observe_key(key_id(), &banned(1, 3));
        assert_eq!(manager.follow_ups().len(), 1);
        manager.observe_key(key_id(), &answer);
        assert!(manager.follow_ups().is_empty());
    }
}

#[test]
fn a_pair_that_is_banned_already_is_owed_no_second_ban() {
    // The key would answer it with no event, and it would be owed for ever.
    let mut manager = ProcessManager::default();
    manager.observe_key(key_id(), &banned(2, 1));
    for event in and(in_progress(&signing(2, 3)), [cheated(1, &[2], 1, &[1, 3])]) {
        manager.observe_session(signing_session(), &event, at(0), 1);
    }
    assert!(manager.follow_ups().is_empty());
    // Another key has its own bans.
    let mut manager = ProcessManager::default();
    manager.observe_key(KeyId(uuid::Uuid::from_u128(1)), &banned(1, 2));
    for event in and(in_progress(&signing(2, 3)), [cheated(1, &[2], 1, &[1, 3])]) {
        manager.observe_session(signing_session(), &event, at(0), 1);
    }
    assert_eq!(manager.follow_ups().len(), 1);
}

#[test]
fn nobody_is_banned_for_anything_but_cheating_nor_with_itself() {
    for event in [
        attempt_failed(
            1,
            AttemptFailure::Silence { round: 1 },
            &[2],
            Some(1),
            &[1, 3],
        ),
        attempt_failed(1, AttemptFailure::Refused, &[1], Some(1), &[2, 3]),
        cheated(1, &[1], 1, &[2, 3]),
    ] {
        let events = and(in_progress(&signing(2, 3)), [event]);
        assert!(owed(&fed(signing_session(), &events, at(0))).is_empty());
    }
}

#[test]
fn a_retired_key_is_owed_nothing_more() {
    let events = and(
        in_progress(&keygen(2, 3)),
        [
            cheated(1, &[2, 3], 1, &[]),
            SessionEvent::SessionFailed {
                reason: countersign_domain::session::FailureReason::NotEnoughParties,
                detail: String::new(),
            },
        ],
    );
    let mut manager = fed(keygen_session(), &events, at(0));
    assert_eq!(manager.follow_ups().len(), 3);
    manager.observe_key(
        key_id(),
        &KeyEvent::KeyRetired {
            reason: String::new(),
        },
    );
    assert!(manager.follow_ups().is_empty());
}

#[test]
fn what_a_key_refuses_for_good_is_settled() {
    let mut manager = fed(keygen_session(), &completed_keygen(), at(0));
    let follow_up = manager.follow_ups().remove(0);
    manager.settle(&follow_up);
    assert!(manager.follow_ups().is_empty());
}

// ---- any history

/// Two key generations, each of its own key, and three sessions that sign with
/// the same key.
fn sessions(first: &NewSession) -> Vec<NewSession> {
    let name = |jti: &str| SessionId::of(account_of(&alice()), jti);
    let own_key = |jti| NewSession {
        session: name(jti),
        key: KeyId::of(name(jti)),
        max_attempts: first.max_attempts,
        ..keygen(2, 3)
    };
    let signs = |jti, threshold, parties| NewSession {
        session: name(jti),
        max_attempts: first.max_attempts,
        expires_at: at(90),
        ..signing(threshold, parties)
    };
    vec![
        own_key("make-1"),
        own_key("make-2"),
        signs("sign-1", 2, 4),
        signs("sign-2", 2, 4),
        signs("sign-3", 3, 4),
    ]
}

#[derive(Clone)]
enum Recorded {
    Session(SessionId, SessionEvent, Timestamp),
    Key(KeyId, KeyEvent),
}

/// A log with its aggregates, and a process manager that reads it as it grows.
struct World {
    log: Vec<Recorded>,
    sessions: BTreeMap<SessionId, (NewSession, Session)>,
    keys: BTreeMap<KeyId, Key>,
    manager: ProcessManager,
}

impl World {
    fn new(sessions: Vec<NewSession>) -> Self {
        let mut keys = BTreeMap::new();
        for session in &sessions {
            let mut key = Key::default();
            let parties = session.quorum.parties();
            key.evolve(&KeyEvent::KeyRequested {
                facts: KeyFacts {
                    key: session.key,
                    session: session.session,
                    ..facts(2, parties)
                },
                intent: String::new(),
            });
            if session.kind == SessionKind::Sign {
                key.evolve(&activated(2, parties));
            }
            keys.insert(session.key, key);
        }
        Self {
            log: vec![],
            sessions: sessions
                .into_iter()
                .map(|session| (session.session, (session, Session::default())))
                .collect(),
            keys,
            manager: ProcessManager::default(),
        }
    }

    fn try_move(&mut self, id: SessionId, tried: &Move, now: Timestamp) {
        let (asked, session) = &self.sessions[&id];
        for command in tried.commands(asked, session) {
            let _ = self.command(id, command, now);
        }
    }

    /// How many events came of a command.
    fn command(&mut self, id: SessionId, command: SessionCommand, now: Timestamp) -> usize {
        let (_, session) = self.sessions.get_mut(&id).unwrap();
        let events = session.decide(command).unwrap_or_default();
        for event in &events {
            session.evolve(event);
            self.log.push(Recorded::Session(id, event.clone(), now));
            let position = self.log.len() as u64;
            self.manager.observe_session(id, event, now, position);
        }
        events.len()
    }

    /// Carries one follow-up out. Every one of them makes sense to its key.
    fn follow_up(&mut self) -> bool {
        let Some(owed) = self.manager.follow_ups().into_iter().next() else {
            return false;
        };
        let key = self.keys.get_mut(&owed.key).unwrap();
        let events = key.decide(owed.command.clone());
        let events = events.unwrap_or_else(|error| panic!("{owed:?}: {error}"));
        assert!(!events.is_empty(), "{owed:?} is answered by no event");
        for event in events {
            key.evolve(&event);
            self.manager.observe_key(owed.key, &event);
            self.log.push(Recorded::Key(owed.key, event));
        }
        true
    }

    fn check(&self) {
        let manager = &self.manager;
        let open: BTreeSet<_> = manager.open_sessions().collect();
        let states = self.sessions.values().filter_map(|(_, it)| it.state());
        let running = states.filter(|state| state.status == SessionStatus::InProgress);
        assert_eq!(manager.running(), running.count());
        for (id, (_, session)) in &self.sessions {
            let state = session.state().filter(|state| !state.status.is_final());
            assert_eq!(manager.session(*id), state);
            assert_eq!(open.contains(id), state.is_some());
            let expected: BTreeSet<_> = match state {
                Some(state) if state.status != SessionStatus::InProgress => {
                    state.unready().cloned().collect()
                }
                _ => BTreeSet::new(),
            };
            let invited = manager.invitations(*id);
            assert_eq!(invited.len(), expected.len());
            for invitation in invited {
                assert!(expected.contains(&invitation.party));
                assert_eq!(invitation.attempt, state.unwrap().attempt);
            }
            // It has a deadline, and not after its end.
            if let Some(state) = state {
                let due = manager.due(state.asked.expires_at);
                assert!(due.contains(&Due::Expire { session: *id }));
            }
        }
        let due = manager.due(at(1_000_000));
        assert_eq!(due.len(), open.len(), "one deadline for each open session");
        assert_eq!(manager.next_deadline().is_some(), !open.is_empty());
    }

    /// Position of the last event.
    fn head(&self) -> u64 {
        self.log.len() as u64
    }

    /// Where a manager has to begin that starts now, at the latest.
    fn checkpoint(&self) -> u64 {
        let unsettled = self.manager.unsettled_since();
        unsettled.map_or(self.head(), |position| position - 1)
    }

    /// A manager that starts now and reads the log after a position.
    fn restarted(&self, after: u64) -> ProcessManager {
        let mut manager = ProcessManager::default();
        for (recorded, position) in self.log.iter().zip(1..) {
            match recorded {
                _ if position <= after => {}
                Recorded::Session(id, event, at) => {
                    manager.observe_session(*id, event, *at, position);
                }
                Recorded::Key(id, event) => manager.observe_key(*id, event),
            }
        }
        manager
    }

    /// Carries out what its key answers with no event.
    fn settle_what_is_done(&self, manager: &mut ProcessManager) {
        for owed in manager.follow_ups() {
            let decided = self.keys[&owed.key].decide(owed.command.clone());
            if decided.is_ok_and(|events| events.is_empty()) {
                assert!(matches!(owed.command, KeyCommand::BanPair { .. }));
                manager.settle(&owed);
            }
        }
    }

    /// Starts managers at the beginning, at the checkpoint of now, and at those of
    /// before.
    fn check_restart(&self, checkpoints: &[u64]) {
        let mut starts = vec![0, self.checkpoint()];
        starts.extend(checkpoints);
        for after in starts {
            let mut restarted = self.restarted(after);
            self.settle_what_is_done(&mut restarted);
            self.check_equal(&restarted);
        }
    }

    fn check_equal(&self, restarted: &ProcessManager) {
        assert_eq!(owed(restarted), owed(&self.manager));
        assert_eq!(restarted.unsettled_since(), self.manager.unsettled_since());
        assert_eq!(restarted.next_deadline(), self.manager.next_deadline());
        for seconds in (0..400).step_by(7) {
            assert_eq!(restarted.due(at(seconds)), self.manager.due(at(seconds)));
        }
        for id in self.sessions.keys() {
            assert_eq!(restarted.invitations(*id), self.manager.invitations(*id));
            assert_eq!(restarted.session(*id), self.manager.session(*id));
        }
    }

    /// Lets the clock run from deadline to deadline, doing what is due. Nothing
    /// else happens any more, and still everything comes to its end.
    fn run_out(&mut self) {
        let attempts: u32 = self.sessions.values().map(|(s, _)| s.max_attempts).sum();
        // Each attempt may miss being ready and its rounds; then the end.
        let bound = 2 * attempts + 5 + 1;
        for _ in 0..bound {
            let Some(now) = self.manager.next_deadline() else {
                return;
            };
            let due = self.manager.due(now);
            assert!(!due.is_empty());
            for due in due {
                let (id, command) = match due {
                    Due::Expire { session } => (session, SessionCommand::Expire { now }),
                    Due::AttemptTimedOut { session, attempt } => (
                        session,
                        SessionCommand::AttemptTimedOut {
                            attempt,
                            available: vec![],
                            banned: BTreeSet::new(),
                        },
                    ),
                };
                assert!(self.command(id, command, now) > 0, "{due:?} does nothing");
            }
        }
        panic!("sessions do not end: {:?}", self.manager);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_history_is_read_alike_and_comes_to_its_end_with_nothing_owed(
        first in a_session(),
        moves in prop::collection::vec((0usize..5, a_move(), 0i64..6, prop::bool::weighted(0.3)), 1..60),
    ) {
        let mut world = World::new(sessions(&first));
        let ids: Vec<_> = world.sessions.keys().copied().collect();
        let mut now = at(0);
        let mut checkpoints = vec![];
        for (which, tried, seconds, answer) in moves {
            now += Duration::seconds(seconds);
            world.try_move(ids[which], &tried, now);
            if answer {
                world.follow_up();
            }
            world.check();
            checkpoints.push(world.checkpoint());
            world.check_restart(&[]);
        }
        prop_assert!(checkpoints.is_sorted(), "{checkpoints:?}");
        world.check_restart(&checkpoints);
        world.run_out();
        world.check();
        prop_assert_eq!(world.manager.open_sessions().count(), 0);
        while world.follow_up() {}
        prop_assert!(world.manager.follow_ups().is_empty());
        prop_assert_eq!(world.checkpoint(), world.head());
        world.check_restart(&checkpoints);
        // A key is active if its generation completed, and retired if not.
        for (asked, session) in world.sessions.values() {
            let key = &world.keys[&asked.key];
            let Some(state) = session.state() else { continue };
            if asked.kind == SessionKind::Keygen {
                let expected = match state.status {
                    SessionStatus::Completed => KeyStatus::Active,
                    _ => KeyStatus::Retired,
                };
                prop_assert_eq!(key.status(), Some(expected));
            }
        }
    }
}
