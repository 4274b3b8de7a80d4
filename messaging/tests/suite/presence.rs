//! Heartbeats: who is there, and whose word is dropped.

use std::sync::Arc;

use countersign_domain::engine::EngineId;
use countersign_domain::roster::Roster;
use countersign_messaging::envelope::{self, EnvelopeError};
use countersign_messaging::presence::{Heartbeat, HeartbeatError, Presence, roster_fingerprint};
use countersign_messaging::{Bus as _, Clock, Headers, LocalBus, subject};

use crate::fixture::{Parties, Party, at, parties};

fn heartbeat(p: &Parties, party: &Party, second: i64) -> Heartbeat {
    Heartbeat {
        party: party.id.clone(),
        sent_at: at(second),
        started_at: at(-100),
        version: "0.1.0".to_owned(),
        engines: vec![EngineId::Dkls23],
        roster: roster_fingerprint(&p.roster),
        running: 0,
    }
}

fn signed(p: &Parties, party: &Party, second: i64) -> Vec<u8> {
    heartbeat(p, party, second).sign(&party.keys)
}

#[test]
fn a_party_is_present_for_six_seconds() {
    let p = parties();
    let presence = Presence::new(Arc::clone(&p.roster));
    assert!(presence.present(at(0)).is_empty());
    presence.observe(&signed(&p, &p.bravo, 0), at(0)).unwrap();
    presence.observe(&signed(&p, &p.alpha, 3), at(3)).unwrap();
    assert_eq!(
        presence.present(at(6)),
        [p.alpha.id.clone(), p.bravo.id.clone()]
    );
    assert!(presence.is_present(&p.alpha.id, at(7)));
    assert!(!presence.is_present(&p.bravo.id, at(7)));
    assert!(presence.present(at(10)).is_empty());
    presence.observe(&signed(&p, &p.bravo, 10), at(10)).unwrap();
    assert!(presence.is_present(&p.bravo.id, at(10)));
}

#[test]
fn old_replayed_and_foreign_heartbeats_are_dropped() {
    let p = parties();
    let presence = Presence::new(Arc::clone(&p.roster));
    let first = signed(&p, &p.alpha, 0);
    presence.observe(&first, at(0)).unwrap();
    presence.observe(&signed(&p, &p.alpha, 2), at(2)).unwrap();
    for old in [&first, &signed(&p, &p.alpha, 2), &signed(&p, &p.alpha, 1)] {
        let refused = presence.observe(old, at(9));
        assert!(
            matches!(refused, Err(HeartbeatError::Old(_))),
            "{refused:?}"
        );
    }
    assert!(
        presence.present(at(9)).is_empty(),
        "a replay keeps nobody alive"
    );

    for (second, now) in [(0, 31), (31, 0)] {
        let refused = presence.observe(&signed(&p, &p.bravo, second), at(now));
        assert!(
            matches!(refused, Err(HeartbeatError::Skew { .. })),
            "{refused:?}"
        );
    }
    let refused = presence.observe(&signed(&p, &p.outsider, 9), at(9));
    assert!(matches!(
        refused,
        Err(HeartbeatError::Envelope(EnvelopeError::UnknownSender(_)))
    ));
    let forged = heartbeat(&p, &p.bravo, 9).sign(&p.alpha.keys);
    assert!(matches!(
        presence.observe(&forged, at(9)),
        Err(HeartbeatError::Envelope(EnvelopeError::Signature { .. }))
    ));
    let body = serde_json::to_vec(&heartbeat(&p, &p.bravo, 9)).unwrap();
    let tag = "countersign-heartbeat-v1";
    let for_another = envelope::sign(tag, &p.alpha.id, &p.alpha.keys, body);
    assert!(matches!(
        presence.observe(&for_another, at(9)),
        Err(HeartbeatError::Party { .. })
    ));
    assert!(presence.present(at(9)).is_empty());
}

#[test]
fn the_snapshot_shows_every_party_of_the_roster() {
    let p = parties();
    let presence = Presence::new(Arc::clone(&p.roster));
    presence.observe(&signed(&p, &p.alpha, 0), at(0)).unwrap();
    let two = Roster::new(vec![p.alpha.identity(), p.bravo.identity()]).unwrap();
    let other_roster = Heartbeat {
        roster: roster_fingerprint(&two),
        running: 3,
        ..heartbeat(&p, &p.bravo, 5)
    };
    presence
        .observe(&other_roster.sign(&p.bravo.keys), at(5))
        .unwrap();
    insta::assert_json_snapshot!(presence.snapshot(at(8)));
}

#[test]
fn the_fingerprint_is_of_the_whole_roster_in_any_order() {
    let p = parties();
    let pinned = p.roster.parties();
    let reversed = Roster::new(pinned.iter().rev().cloned().collect()).unwrap();
    assert_eq!(roster_fingerprint(&reversed), roster_fingerprint(&p.roster));
    let mut swapped = pinned.to_vec();
    swapped[0].seal_key = p.outsider.identity().seal_key;
    let swapped = Roster::new(swapped).unwrap();
    assert_ne!(roster_fingerprint(&swapped), roster_fingerprint(&p.roster));
}

#[test]
fn an_engine_of_a_newer_party_is_left_out() {
    let p = parties();
    let mut json = serde_json::to_value(heartbeat(&p, &p.alpha, 0)).unwrap();
    json["engines"] = vec!["frost99", "dkls23"].into();
    let body = serde_json::to_vec(&json).unwrap();
    let bytes = envelope::sign("countersign-heartbeat-v1", &p.alpha.id, &p.alpha.keys, body);
    let opened = Heartbeat::open(&bytes, &p.roster).unwrap();
    assert_eq!(opened.engines, [EngineId::Dkls23]);
}

#[test]
fn only_news_wakes() {
    let p = parties();
    let presence = Presence::new(Arc::clone(&p.roster));
    let mut changes = presence.changed();
    let mut news = |heartbeat: Heartbeat, now| {
        let bytes = heartbeat.sign(&p.alpha.keys);
        presence.observe(&bytes, at(now)).unwrap();
        let news = changes.has_changed().unwrap();
        changes.mark_unchanged();
        news
    };
    assert!(news(heartbeat(&p, &p.alpha, 0), 0), "it appears");
    assert!(!news(heartbeat(&p, &p.alpha, 2), 2), "it is still there");
    let busy = Heartbeat {
        running: 1,
        ..heartbeat(&p, &p.alpha, 4)
    };
    assert!(news(busy.clone(), 4), "it says something new");
    let again = Heartbeat {
        sent_at: at(20),
        ..busy
    };
    assert!(news(again, 20), "it is back");
}

#[tokio::test]
async fn a_caller_waits_for_parties_on_the_bus() {
    let p = parties();
    let bus = LocalBus::new();
    let presence = Presence::new(Arc::clone(&p.roster));
    let clock: Clock = Arc::new(|| at(1));
    let awaited = [p.alpha.id.clone(), p.bravo.id.clone()];
    let heartbeats = async {
        for party in [&p.outsider, &p.alpha, &p.bravo] {
            let payload = signed(&p, party, 0).into();
            let subject = subject::presence(&party.id);
            bus.publish(&subject, payload, Headers::new())
                .await
                .unwrap();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = presence.wait_for(&awaited, Arc::clone(&clock)) => {}
        ended = presence.follow(&bus, Arc::clone(&clock)) => panic!("{ended:?}"),
        () = heartbeats => unreachable!("it never ends"),
    }
    assert_eq!(presence.present(at(1)), awaited);
}
