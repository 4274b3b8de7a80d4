//! Where the parties of an open session are.

use countersign_domain::Timestamp;
use countersign_domain::ids::PartyId;
use countersign_messaging::progress::{Phase, ProgressBoard};
use countersign_projections::SessionView;
use serde::Serialize;

/// Where a party is.
#[derive(Debug, Serialize)]
pub(crate) struct PartyAt {
    pub(crate) party: PartyId,
    pub(crate) phase: &'static str,
    /// The round that it waits for the others in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<u8>,
    pub(crate) at: Timestamp,
}

/// The progress in the attempt that runs; none when the session is over.
pub(crate) fn progress(board: &ProgressBoard, session: &SessionView) -> Option<Vec<PartyAt>> {
    if session.status.is_final() {
        return None;
    }
    let parties = board.of(session.session_id).into_iter();
    let parties = parties.filter(|known| known.attempt == session.attempt);
    let at = parties.map(|known| {
        let (phase, round) = name(known.phase);
        PartyAt {
            party: known.party,
            phase,
            round,
            at: known.at,
        }
    });
    Some(at.collect())
}

fn name(phase: Phase) -> (&'static str, Option<u8>) {
    match phase {
        Phase::Joined => ("joined", None),
        Phase::Round(round) => ("round", Some(round)),
        Phase::Sealing => ("sealing", None),
        Phase::Confirming => ("confirming", None),
        Phase::Done => ("done", None),
    }
}
