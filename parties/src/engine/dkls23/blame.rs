//! From the library's aborts to the port's.

use dkls23_secp256k1::protocols::{Abort as LibraryAbort, AbortKind as LibraryKind, AbortReason};

use crate::engine::{Abort, AbortKind, PartyIndex};

/// Translates an abort that the library reached in `round` at party `me`.
///
/// The library's kind says whether state is burnt, its reason who is to blame.
/// Reasons that only this party's own input can cause are fatal: the same input
/// would fail again.
pub(super) fn translate(abort: &LibraryAbort, round: u8, me: PartyIndex) -> Abort {
    let kind = match &abort.kind {
        LibraryKind::BanCounterparty(party) => AbortKind::Ban(party.as_u8()),
        LibraryKind::Recoverable if is_own_fault(&abort.reason) => AbortKind::Fatal,
        LibraryKind::Recoverable => AbortKind::Retry,
    };
    let culprits = match kind {
        AbortKind::Ban(party) => vec![party],
        AbortKind::Fatal => Vec::new(),
        AbortKind::Retry => culprit(&abort.reason)
            .filter(|&party| party != me)
            .into_iter()
            .collect(),
    };
    Abort {
        kind,
        culprits,
        round,
        reason: abort.description(),
    }
}

fn is_own_fault(reason: &AbortReason) -> bool {
    matches!(
        reason,
        AbortReason::InvalidPartyIndex { .. }
            | AbortReason::WrongCounterpartyCount { .. }
            | AbortReason::DuplicateCounterparty { .. }
            | AbortReason::SelfInCounterparties
            | AbortReason::MissingMulState { .. }
            | AbortReason::PhaseCalledOutOfOrder { .. }
            | AbortReason::InvalidLocalState { .. }
    )
}

fn culprit(reason: &AbortReason) -> Option<PartyIndex> {
    match reason {
        AbortReason::UnexpectedSender { sender } | AbortReason::DuplicateSender { sender } => {
            Some(sender.as_u8())
        }
        AbortReason::SessionBindingMismatch { counterparty }
        | AbortReason::ProofVerificationFailed { counterparty }
        | AbortReason::CommitmentMismatch { counterparty }
        | AbortReason::TrivialInstancePoint { counterparty }
        | AbortReason::OtConsistencyCheckFailed { counterparty }
        | AbortReason::MultiplicationVerificationFailed { counterparty, .. }
        | AbortReason::GammaUInconsistency { counterparty }
        | AbortReason::ZeroShareDecommitFailed { counterparty } => Some(counterparty.as_u8()),
        AbortReason::MissingMessageFromParty { party }
        | AbortReason::MissingCommittedPoint { party }
        | AbortReason::ChainCodeCommitmentFailed { party } => Some(party.as_u8()),
        // The rest follows from several parties' messages together.
        _ => None,
    }
}
