use countersign_domain::roster::Roster;
use countersign_messaging::IdentityKeys;
use countersign_messaging::presence::{Heartbeat, roster_fingerprint};
use countersign_messaging::subject;
use countersign_parties::worker::{Worker, WorkerError};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::house::{House, NAMES, party};

async fn refused(house: &House, roster: Roster) -> WorkerError {
    let mut config = house.config("alpha");
    config.roster = Arc::new(roster);
    Worker::new(config)
        .run(CancellationToken::new())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_worker_refuses_to_run_with_other_keys_than_the_roster_pins() {
    let house = House::new();
    let mut parties = house.roster.parties().to_vec();
    parties[0] = IdentityKeys::from_seed(&[3; 64]).public(party("alpha"));
    let error = refused(&house, Roster::new(parties).unwrap()).await;
    assert!(
        matches!(&error, WorkerError::IdentityMismatch { party: p } if *p == party("alpha")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_worker_refuses_to_run_when_the_roster_does_not_know_it() {
    let house = House::new();
    let parties = house.roster.parties()[1..].to_vec();
    let error = refused(&house, Roster::new(parties).unwrap()).await;
    assert!(
        matches!(error, WorkerError::NotInRoster { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn heartbeats_are_signed_and_name_the_roster() {
    let house = House::new();
    let mut heartbeats = house.bus.subscribe(&subject::presence_all()).await.unwrap();
    for name in NAMES {
        let worker = house.start(name).await;
        let heartbeat = heartbeats.next().await.unwrap();
        let heartbeat = Heartbeat::open(&heartbeat.payload, &house.roster).unwrap();
        assert_eq!(heartbeat.party, party(name));
        assert_eq!(heartbeat.roster, roster_fingerprint(&house.roster));
        assert_eq!(heartbeat.running, 0);
        worker.stop().await;
    }
}
