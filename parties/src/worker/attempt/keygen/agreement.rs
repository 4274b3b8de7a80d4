//! Whether all parties of a new key saw the same thing.

use countersign_domain::receipt::Statement;
use countersign_messaging::party_command::AbortReason;

use super::super::Attempt;
use crate::engine::PartyIndex;
use crate::worker::coordinator::GivenUp;
use crate::worker::drive::{Drive, Stop};

/// Tells every party what came out here and waits until every party has said the
/// same.
///
/// Parties that differ know that somebody lied, but not who: whoever told two
/// parties different things makes two honest ones differ. So nobody is blamed,
/// and the key is not made.
pub(super) async fn reach(
    attempt: &Attempt<'_>,
    drive: &mut Drive<'_>,
    statement: &Statement,
) -> Result<(), Stop> {
    let body = serde_json::to_vec(statement).expect("a tree of strings and numbers");
    let mut turn = drive.play(move |seat| seat.confirm(body)).await?;
    let mut missing = attempt.signers.len() - 1;
    loop {
        for (peer, theirs) in &turn.confirmed {
            if let Some(what) = difference(statement, theirs) {
                return Err(differs(attempt, *peer, what));
            }
            missing -= 1;
        }
        if missing == 0 {
            return Ok(());
        }
        turn = drive.next().await?;
    }
}

fn difference(ours: &Statement, theirs: &[u8]) -> Option<&'static str> {
    match serde_json::from_slice(theirs) {
        Ok(theirs) => ours.difference(&theirs),
        Err(_) => Some("whole statement"),
    }
}

fn differs(attempt: &Attempt<'_>, peer: PartyIndex, what: &str) -> Stop {
    let name = attempt
        .signers
        .iter()
        .find(|member| member.index == peer)
        .map_or("a peer", |member| member.identity.party.as_str());
    let detail = format!("the key generation of `{name}` ended with another {what}");
    Stop::GivenUp(GivenUp::new(AbortReason::Cheating, Vec::new(), detail))
}
