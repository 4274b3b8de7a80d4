//! Random commands and random events against the three aggregates.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_domain::account::{Account, AccountCommand, AccountEvent, AccountStatus};
use countersign_domain::bytes::Hex;
use countersign_domain::decider::{Decider, StoredEvent};
use countersign_domain::ids::PartyId;
use countersign_domain::intent::Action;
use countersign_domain::key::{Key, KeyCommand, KeyEvent, KeyStatus, NewKey};
use countersign_domain::session::{
    FailureReason, ParticipantStatus, Report, Session, SessionEvent, SessionState, SessionStatus,
};
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use proptest::prelude::*;

use crate::fixture::{
    activated, alice, attempt_failed, create_key, created, digest, facts, group_public_key,
    identity_key, joined, key_id, keygen, mallory, parties, party, quorum, ready, receipts,
    registration, reported_receipt, reported_signature, requested, sealed, sign, signing, started,
    verified,
};
use crate::moves::{a_move, a_session, attendance, reason};

fn replayed<D: Decider>(events: &[D::Event]) -> D {
    let mut state = D::default();
    for event in events {
        state.evolve(event);
    }
    state
}

fn stored<E: StoredEvent>(event: &E) -> E {
    let json = serde_json::to_string(event).unwrap();
    let back: E = serde_json::from_str(&json).unwrap();
    assert_eq!(back, *event, "{json}");
    // The log keeps a JSON value, not the text.
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["type"], event.name());
    assert_eq!(serde_json::from_value::<E>(value).unwrap(), *event);
    back
}

// ---- sessions

/// What no event may break, in whatever order events come.
fn check_step(before: &Session, event: &SessionEvent, after: &Session) {
    let Some(to) = after.state() else {
        assert!(before.state().is_none());
        return;
    };
    let Some(from) = before.state() else {
        assert_eq!(to.status, SessionStatus::Created, "after {event:?}");
        return;
    };
    assert!(
        from.status == to.status || from.status.may_become(to.status),
        "{} to {} by {event:?}",
        from.status,
        to.status
    );
    if from.status.is_final() {
        assert_eq!(from, to, "changed by {event:?}");
    }
    assert_eq!(from.asked, to.asked);
    assert!(from.attempt <= to.attempt);
    assert!(from.excluded.is_subset(&to.excluded));
    for (party, now) in &to.participants {
        let was = from.participants[party].status;
        assert!(
            was == now.status || was.may_become(now.status),
            "{party}: {was} to {} by {event:?}",
            now.status
        );
    }
}

/// What holds between commands.
fn check_state(state: &SessionState) {
    let signers: BTreeSet<_> = state.signers.iter().collect();
    assert_eq!(signers.len(), state.signers.len(), "each signer once");
    assert_eq!(signers.len(), attendance(&state.asked));
    let index = |party: &PartyId| state.participants[party].member.index;
    assert!(state.signers.is_sorted_by_key(index), "signers by index");
    assert!((1..=state.asked.max_attempts).contains(&state.attempt));
    let status = |party: &&PartyId| state.participants[*party].status;
    match state.status {
        SessionStatus::Created => {
            let came = |s| !matches!(s, ParticipantStatus::Invited | ParticipantStatus::Excluded);
            assert!(!state.participants.values().any(|p| came(p.status)));
        }
        SessionStatus::Waiting => assert!(!state.all_ready(), "then it would have started"),
        SessionStatus::InProgress => {
            let runs = |s| {
                matches!(
                    s,
                    ParticipantStatus::Computing | ParticipantStatus::Completed
                )
            };
            assert!(state.signers.iter().all(|party| runs(status(&party))));
        }
        _ => {}
    }
    if !state.status.is_final() {
        for (a, b) in &state.accusations.cheating {
            let together = state.signers.contains(a) && state.signers.contains(b);
            assert!(!together, "{a} and {b} sign together");
        }
        for party in &state.signers {
            assert!(!state.excluded.contains(party), "{party} never again");
            assert_ne!(status(&party), ParticipantStatus::Excluded);
        }
    }
    let has_signature = state.signature.is_some();
    assert!(!has_signature || state.status == SessionStatus::Completed);
}

/// The statement inside a receipt, verified without the code under test.
fn stated(index: u8, receipt: &str) -> serde_json::Value {
    let (signed, signature) = receipt.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    identity_key(index)
        .verifying_key()
        .verify_strict(signed.as_bytes(), &signature)
        .unwrap();
    let claims = signed.split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["party"], party(index).as_str());
    assert_eq!(claims["index"], index);
    claims["statement"].clone()
}

/// Whether a session completed by right, from its events alone.
fn check_completion(events: &[SessionEvent]) {
    let Some(SessionEvent::SessionCompleted {
        public_key,
        signature,
    }) = events.last()
    else {
        return;
    };
    let SessionEvent::SessionCreated { session: asked } = &events[0] else {
        panic!("a session begins with its creation")
    };
    if let Some(request) = &asked.sign {
        let signature = signature.unwrap();
        assert_eq!(*public_key, request.public_key);
        let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&public_key.0).unwrap();
        let parsed = k256::ecdsa::Signature::from_scalars(signature.r.0, signature.s.0).unwrap();
        key.verify_prehash(&request.digest.0, &parsed).unwrap();
        let id = k256::ecdsa::RecoveryId::from_byte(signature.v).unwrap();
        let recovered =
            k256::ecdsa::VerifyingKey::recover_from_prehash(&request.digest.0, &parsed, id);
        assert_eq!(recovered.unwrap(), key);
        return;
    }
    assert_eq!(*signature, None);
    let start = events
        .iter()
        .rposition(|event| matches!(event, SessionEvent::SessionStarted { .. }))
        .unwrap();
    let mut statements = vec![];
    for member in asked.participants.iter().map(|invitee| &invitee.member) {
        let receipts: Vec<_> = events[start..]
            .iter()
            .filter_map(|event| match event {
                SessionEvent::ParticipantReported {
                    party,
                    report: Report::Receipt { receipt },
                    ..
                } if *party == member.identity.party => Some(receipt),
                _ => None,
            })
            .collect();
        assert_eq!(receipts.len(), 1, "one receipt of every party");
        statements.push(stated(member.index, receipts[0]));
    }
    assert!(statements.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(statements[0]["public_key"], public_key.to_string());
    assert_eq!(statements[0]["auth_key"], asked.auth_key.as_str());
    assert_eq!(statements[0]["roster"], asked.roster.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_asked_of_a_session_its_history_is_legal(
        asked in a_session(),
        moves in prop::collection::vec(a_move(), 1..40),
    ) {
        let mut session = Session::default();
        let mut history: Vec<SessionEvent> = vec![];
        for tried in moves {
            for command in tried.commands(&asked, &session) {
                let ended = session.state().is_some_and(|s| s.status.is_final());
                let name = format!("{command:?}");
                let Ok(events) = session.decide(command) else { continue };
                prop_assert!(!ended || events.is_empty(), "{} after the end", name);
                for event in events {
                    let before = session.clone();
                    session.evolve(&event);
                    check_step(&before, &event, &session);
                    history.push(stored(&event));
                    check_completion(&history);
                }
                if let Some(state) = session.state() {
                    check_state(state);
                }
            }
        }
        prop_assert_eq!(&replayed::<Session>(&history), &session);
        // An attempt starts and fails at most once.
        let mut started = BTreeSet::new();
        let mut failed = BTreeSet::new();
        for event in &history {
            match event {
                SessionEvent::SessionStarted { attempt, signers } => {
                    prop_assert!(started.insert(*attempt));
                    prop_assert_eq!(signers.len(), attendance(&asked));
                }
                SessionEvent::AttemptFailed { attempt, next, .. } => {
                    prop_assert!(failed.insert(*attempt));
                    prop_assert!(next.is_empty() || next.len() == attendance(&asked));
                }
                _ => {}
            }
        }
        // The cache of the state is what the events say.
        let json = serde_json::to_string(&session).unwrap();
        prop_assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), session);
    }
}

fn some_parties() -> impl Strategy<Value = Vec<PartyId>> {
    prop::collection::vec(1u8..6, 0..4).prop_map(|indices| parties(&indices))
}

fn any_session_event() -> impl Strategy<Value = SessionEvent> {
    let who = || 1u8..6;
    let attempt = || prop_oneof![6 => 1u32..4, 1 => Just(u32::MAX), 1 => Just(0)];
    prop_oneof![
        1 => any::<bool>().prop_map(|signs| created(&if signs {
            signing(2, 4)
        } else {
            keygen(2, 3)
        })),
        4 => who().prop_map(joined),
        4 => who().prop_map(ready),
        4 => (attempt(), some_parties())
            .prop_map(|(attempt, signers)| SessionEvent::SessionStarted { attempt, signers }),
        3 => (attempt(), reason(), some_parties(), prop::option::of(who()), some_parties())
            .prop_map(|(attempt, reason, culprits, reporter, next)| {
                SessionEvent::AttemptFailed {
                    attempt,
                    reason,
                    culprits,
                    reporter: reporter.map(party),
                    detail: "because".to_owned(),
                    next,
                }
            }),
        3 => (who(), attempt()).prop_map(|(who, attempt)| {
            reported_receipt(who, attempt, "receipt".to_owned())
        }),
        1 => (who(), attempt()).prop_map(|(who, attempt)| {
            reported_signature(who, attempt, sign(digest()))
        }),
        1 => any::<bool>().prop_map(|signs| SessionEvent::SessionCompleted {
            public_key: group_public_key(),
            signature: signs.then(|| sign(digest())),
        }),
        1 => Just(SessionEvent::SessionFailed {
            reason: FailureReason::Refused,
            detail: String::new(),
        }),
        1 => Just(SessionEvent::SessionExpired {}),
        1 => Just(SessionEvent::SessionCancelled { intent: "c".to_owned() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_order_of_session_events_makes_an_illegal_transition(
        events in prop::collection::vec(any_session_event(), 0..40),
        begins in any::<bool>(),
    ) {
        let mut session = Session::default();
        if begins {
            session.evolve(&created(&signing(2, 4)));
        }
        for event in events {
            let before = session.clone();
            session.evolve(&event);
            check_step(&before, &event, &session);
            stored(&event);
        }
    }
}

#[test]
fn an_event_of_an_impossible_attempt_does_not_overflow() {
    let mut session = replayed::<Session>(&[
        created(&signing(2, 3)),
        joined(1),
        ready(1),
        joined(2),
        ready(2),
        started(1, &[1, 2]),
    ]);
    let before = session.clone();
    session.evolve(&attempt_failed(
        u32::MAX,
        countersign_domain::session::AttemptFailure::Timeout,
        &[],
        None,
        &[1, 2],
    ));
    assert_eq!(session, before);
}

// ---- accounts

fn any_account_command() -> impl Strategy<Value = AccountCommand> {
    let signer = |own| if own { alice() } else { mallory() };
    let action = prop_oneof![
        Just(registration(&alice())),
        Just(Action::Suspend),
        Just(Action::Reactivate),
        Just(Action::Erase),
    ];
    (0u8..4, action, prop::bool::weighted(0.9)).prop_map(move |(command, action, own)| {
        let intent = verified(&signer(own), "c", action);
        match command {
            0 => AccountCommand::Register(intent, sealed()),
            1 => AccountCommand::Suspend(intent),
            2 => AccountCommand::Erase(intent),
            _ => AccountCommand::Reactivate(intent),
        }
    })
}

fn any_account_event() -> impl Strategy<Value = AccountEvent> {
    let intent = || "an intent".to_owned();
    let signer = |own: bool| if own { alice() } else { mallory() };
    prop_oneof![
        any::<bool>().prop_map(move |own| AccountEvent::AccountRegistered {
            personal: sealed(),
            auth_key: signer(own).public(),
            quorum: quorum(2, 3),
        }),
        Just(AccountEvent::AccountErased { intent: intent() }),
        Just(AccountEvent::AccountSuspended { intent: intent() }),
        Just(AccountEvent::AccountReactivated { intent: intent() }),
        Just(AccountEvent::AccountLocked { reason: intent() }),
        Just(AccountEvent::AccountClosed { intent: intent() }),
        any::<bool>().prop_map(move |own| AccountEvent::AuthKeyRotated {
            auth_key: signer(own).public(),
            intent: intent(),
        }),
        Just(AccountEvent::GuardiansAppointed {
            guardians: vec![mallory().public()],
            threshold: 1,
            intent: intent(),
        }),
        any::<bool>().prop_map(move |own| AccountEvent::RecoveryStarted {
            auth_key: signer(own).public(),
            intent: intent(),
        }),
        Just(AccountEvent::RecoveryApproved { intent: intent() }),
        Just(AccountEvent::RecoveryCompleted {}),
        Just(AccountEvent::RecoveryCancelled { intent: intent() }),
    ]
}

fn check_account_step(before: &Account, event: &AccountEvent, after: &Account) {
    match (before.status(), after.status()) {
        (Some(from), Some(to)) => assert!(
            from == to || from.may_become(to),
            "{from} to {to} by {event:?}"
        ),
        (Some(from), None) => panic!("{from} to nothing by {event:?}"),
        (None, _) => {}
    }
    assert!(!before.is_erased() || before == after, "by {event:?}");
    let erased = matches!(event, AccountEvent::AccountErased { .. });
    if before.status() == Some(AccountStatus::Closed) && !erased {
        assert_eq!(before, after, "a closed account changed by {event:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_asked_of_an_account_its_history_is_legal(
        commands in prop::collection::vec(any_account_command(), 0..20),
    ) {
        let mut account = Account::default();
        let mut history = vec![];
        for command in commands {
            let Ok(events) = account.decide(command) else { continue };
            prop_assert_eq!(events.len(), 1);
            for event in events {
                let before = account.clone();
                account.evolve(&event);
                check_account_step(&before, &event, &account);
                prop_assert_ne!(&before, &account, "an event that changed nothing");
                history.push(stored(&event));
            }
        }
        prop_assert_eq!(replayed::<Account>(&history), account);
    }

    #[test]
    fn no_order_of_account_events_makes_an_illegal_transition(
        events in prop::collection::vec(any_account_event(), 0..40),
    ) {
        let mut account = Account::default();
        let mut recovering: Option<AccountEvent> = None;
        for event in events {
            let before = account.clone();
            account.evolve(&event);
            check_account_step(&before, &event, &account);
            stored(&event);
            // The key changes by rotation, or by the recovery that was started.
            if before.status().is_some() && before.auth_key() != account.auth_key() {
                match (&event, &recovering) {
                    (AccountEvent::AuthKeyRotated { .. }, _) => {}
                    (
                        AccountEvent::RecoveryCompleted {},
                        Some(AccountEvent::RecoveryStarted { auth_key, .. }),
                    ) => prop_assert_eq!(account.auth_key(), Some(auth_key)),
                    other => prop_assert!(false, "the key changed by {:?}", other),
                }
            }
            let is = |account: &Account| {
                account.status() == Some(AccountStatus::Recovering)
            };
            match (is(&before), is(&account)) {
                (false, true) => recovering = Some(event),
                (_, false) => recovering = None,
                _ => {}
            }
        }
    }
}

// ---- keys

fn any_key_command() -> impl Strategy<Value = KeyCommand> {
    let signer = |own| if own { alice() } else { mallory() };
    let key = key_id();
    prop_oneof![
        2 => Just(()).prop_map(|()| KeyCommand::Request(Box::new(NewKey {
            facts: facts(2, 3),
            intent: *verified(&alice(), "make-a-key", create_key(2, 3)),
        }))),
        2 => prop::bool::weighted(0.8).prop_map(|all| {
            let mut receipts = receipts(2, 3);
            if !all {
                receipts.truncate(2);
            }
            KeyCommand::Activate { receipts }
        }),
        2 => prop::bool::weighted(0.8).prop_map(move |own| {
            KeyCommand::Freeze(verified(&signer(own), "f", Action::Freeze { key }))
        }),
        2 => prop::bool::weighted(0.8).prop_map(move |own| {
            KeyCommand::Unfreeze(verified(&signer(own), "u", Action::Unfreeze { key }))
        }),
        2 => (1u8..5, 1u8..5).prop_map(|(a, b)| KeyCommand::BanPair {
            reporter: party(a),
            culprit: party(b),
        }),
        1 => Just(KeyCommand::Retire { reason: "no use".to_owned() }),
    ]
}

fn any_key_event() -> impl Strategy<Value = KeyEvent> {
    let intent = || "an intent".to_owned();
    prop_oneof![
        any::<bool>().prop_map(|small| requested(2, if small { 2 } else { 3 })),
        Just(()).prop_map(|()| activated(2, 3)),
        (any::<[u8; 33]>(), any::<[u8; 32]>()).prop_map(|(key, code)| KeyEvent::KeyActivated {
            public_key: Hex(key),
            chain_code: Hex(code),
            receipts: vec![],
        }),
        Just(KeyEvent::KeyFrozen { intent: intent() }),
        Just(KeyEvent::KeyUnfrozen { intent: intent() }),
        any::<u32>().prop_map(|epoch| KeyEvent::SharesRefreshed {
            epoch,
            receipts: vec![],
        }),
        (1u8..6, 1u8..6).prop_map(|(a, b)| KeyEvent::PairBanned {
            reporter: party(a),
            culprit: party(b),
        }),
        Just(KeyEvent::KeyRetired { reason: intent() }),
    ]
}

fn check_key_step(before: &Key, event: &KeyEvent, after: &Key) {
    match (before.status(), after.status()) {
        (Some(from), Some(to)) => assert!(
            from == to || from.may_become(to),
            "{from} to {to} by {event:?}"
        ),
        (Some(from), None) => panic!("{from} to nothing by {event:?}"),
        (None, _) => {}
    }
    assert!(before.epoch() <= after.epoch());
    if before.facts().is_some() {
        assert_eq!(before.facts(), after.facts());
    }
    if before.public().is_some() {
        assert_eq!(before.public(), after.public(), "changed by {event:?}");
    }
    if matches!(after.status(), Some(KeyStatus::Active | KeyStatus::Frozen)) {
        assert!(after.public().is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_is_asked_of_a_key_its_history_is_legal(
        commands in prop::collection::vec(any_key_command(), 0..25),
    ) {
        let mut key = Key::default();
        let mut history = vec![];
        for command in commands {
            let Ok(events) = key.decide(command) else { continue };
            for event in events {
                let before = key.clone();
                key.evolve(&event);
                check_key_step(&before, &event, &key);
                prop_assert_ne!(&before, &key, "an event that changed nothing");
                history.push(stored(&event));
            }
        }
        prop_assert_eq!(replayed::<Key>(&history), key);
    }

    #[test]
    fn no_order_of_key_events_makes_an_illegal_transition(
        events in prop::collection::vec(any_key_event(), 0..40),
    ) {
        let mut key = Key::default();
        for event in events {
            let before = key.clone();
            key.evolve(&event);
            check_key_step(&before, &event, &key);
            stored(&event);
        }
    }
}
