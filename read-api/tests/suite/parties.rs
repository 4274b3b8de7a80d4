//! `/v1/parties` and `/v1/roster`.

use axum::http::StatusCode;
use countersign_domain::bytes::Hex;
use countersign_domain::engine::EngineId;
use countersign_domain::roster::Roster;
use countersign_messaging::presence::{Heartbeat, roster_fingerprint};

use crate::support::{Server, at, identity, party, roster};

#[tokio::test]
async fn the_parties_and_who_of_them_is_there() {
    let server = Server::start().await;
    // The server's clock says 100: one is there, one fell silent, one never came.
    for (index, heard, fingerprint) in [
        (1, 98, roster_fingerprint(&roster())),
        (2, 75, Hex([9; 32])),
    ] {
        let heartbeat = Heartbeat {
            party: party(index),
            sent_at: at(heard),
            started_at: at(10),
            version: "0.1.0".into(),
            engines: vec![EngineId::Dkls23],
            roster: fingerprint,
            running: 2,
        };
        let taken = server
            .presence
            .observe(&heartbeat.sign(&identity(index)), at(heard));
        taken.expect("a heartbeat of a party of the roster");
    }
    let answer = server.get("/v1/parties").await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn the_roster_is_the_file() {
    let server = Server::start().await;
    let answer = server.get("/v1/roster").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("countersign-position"), "0");
    let shown: Roster = serde_json::from_value(answer.body).expect("a roster");
    assert_eq!(shown, roster());
}
