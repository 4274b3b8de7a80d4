//! Random histories: a row says what the domain's aggregate says.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::ids::PartyId;
use countersign_domain::session::{ParticipantStatus, Report, SessionState};
use countersign_event_store::{Decoded, Decoder, Envelope};
use countersign_projections::{
    AccountRow, KeyRow, SessionRow, SessionView, accounts, keys, sessions,
};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use crate::world::{World, op};

#[derive(Debug, Default)]
struct Rows {
    accounts: BTreeMap<Uuid, AccountRow>,
    keys: BTreeMap<Uuid, KeyRow>,
    sessions: BTreeMap<Uuid, SessionRow>,
}

fn fold(log: &[Arc<Envelope>]) -> Rows {
    let mut rows = Rows::default();
    for envelope in log {
        match Decoder::default().decode(envelope).expect("an event") {
            Decoded::Account(id, event) => {
                let mut row = rows.accounts.remove(&id.0);
                accounts::apply(&mut row, id, &envelope.recorded(), &event);
                rows.accounts.extend(row.map(|row| (id.0, row)));
            }
            Decoded::Key(id, event) => {
                let mut row = rows.keys.remove(&id.0);
                keys::apply(&mut row, id, &envelope.recorded(), &event);
                rows.keys.extend(row.map(|row| (id.0, row)));
            }
            Decoded::Session(id, event) => {
                let mut row = rows.sessions.remove(&id.0);
                sessions::apply(&mut row, id, &envelope.recorded(), &event);
                rows.sessions.extend(row.map(|row| (id.0, row)));
            }
            Decoded::Other => {}
        }
    }
    rows
}

fn agree(view: &SessionView, state: &SessionState) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.status, state.status);
    prop_assert_eq!(view.signature, state.signature);
    let signers: Vec<_> = state.signers.iter().map(PartyId::as_str).collect();
    let shown: Vec<_> = view.signers.iter().map(|name| &**name).collect();
    prop_assert_eq!(shown, signers);
    prop_assert_eq!(view.participants.len(), state.participants.len());
    for participant in state.participants.values() {
        let shown = &view.participants[usize::from(participant.member.index) - 1];
        prop_assert_eq!(&*shown.party, participant.member.identity.party.as_str());
        prop_assert_eq!(shown.status, participant.status);
        let completed = participant.status == ParticipantStatus::Completed;
        prop_assert_eq!(shown.completed_at.is_some(), completed);
        let invited = participant.status == ParticipantStatus::Invited;
        prop_assert!(!invited || shown.joined_at.is_none());
    }
    prop_assert_eq!(view.ended_at.is_some(), state.status.is_final());
    if state.status.is_final() {
        let last = view.attempts.last().map_or(1, |last| last.attempt);
        prop_assert!(view.attempt >= last && view.attempt <= view.max_attempts);
    } else {
        prop_assert_eq!(view.attempt, state.attempt);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn rows_say_what_the_aggregates_say(ops in vec(op(), 1..80)) {
        let world = World::of(&ops);
        let rows = fold(&world.log);
        for (id, account) in &world.accounts {
            let view = rows.accounts.get(&id.0).map(|row| &row.view);
            prop_assert_eq!(view.map(|v| v.status), account.status());
            prop_assert_eq!(view.map(|v| &v.auth_key), account.auth_key());
        }
        for (id, key) in &world.keys {
            let view = rows.keys.get(&id.0).map(|row| &row.view);
            prop_assert_eq!(view.map(|v| v.status), key.status());
            prop_assert_eq!(view.map_or(0, |v| v.epoch), key.epoch());
            let public = key.public().map(|public| public.public_key);
            prop_assert_eq!(view.and_then(|v| v.public_key), public);
            prop_assert!(view.is_none_or(|v| v.banned_pairs.iter().all(|(a, b)| key.banned(a, b))));
        }
        for (id, session) in &world.sessions {
            let row = rows.sessions.get(&id.0);
            prop_assert_eq!(row.is_some(), session.state().is_some());
            if let (Some(row), Some(state)) = (row, session.state()) {
                agree(&row.view, state)?;
            }
        }
    }
}

/// The histories are worth comparing: they reach the statuses that matter.
#[test]
fn random_histories_reach_ends_and_second_attempts() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let mut second_attempts = 0;
    let mut receipts = 0;
    for _ in 0..60 {
        let ops = vec(op(), 80).new_tree(&mut runner).expect("ops").current();
        for session in World::of(&ops).sessions.values() {
            let Some(state) = session.state() else {
                continue;
            };
            seen.insert((state.asked.kind.to_string(), state.status));
            second_attempts += usize::from(state.attempt > 1);
            let reports = state
                .participants
                .values()
                .filter_map(|p| p.report.as_ref());
            receipts += reports
                .filter(|r| matches!(r, Report::Receipt { .. }))
                .count();
        }
    }
    let ends = seen.iter().filter(|(_, status)| status.is_final()).count();
    assert!(ends >= 6, "{seen:?}");
    assert!(second_attempts > 10 && receipts > 10);
}
