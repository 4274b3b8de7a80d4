//! Random moves against a session: what parties, the coordinator's clock and the
//! account may try, in any order, well meant or not.

use std::collections::BTreeSet;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::digest::HashScheme;
use countersign_domain::ids::PartyId;
use countersign_domain::intent::Action;
use countersign_domain::receipt::Statement;
use countersign_domain::session::{
    AttemptFailure, NewSession, Report, Session, SessionCommand, SessionKind, SessionState,
};
use countersign_domain::signature::Signature;
use proptest::prelude::*;

use crate::fixture::{
    CHAIN_CODE, alice, device, digest, group_public_key, high_s, keygen, mallory, other_statements,
    pairs, party, receipt, sign, signing, token, verified,
};

/// One move; parties are numbered from 1 and may not exist, sets of parties are
/// bits.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    Create,
    Join {
        party: u8,
        own_token: bool,
        ready: bool,
        late: bool,
    },
    /// Everyone who is awaited comes: most moves need a session in progress.
    EveryoneJoins,
    Sign {
        party: u8,
        attempt: i8,
        flaw: u8,
    },
    Receipt {
        party: u8,
        attempt: i8,
        flaw: u8,
    },
    /// Everyone hands in the receipt that it should.
    EveryoneReports,
    Abort {
        party: u8,
        attempt: i8,
        reason: AttemptFailure,
        culprits: u8,
        available: u8,
        banned: Vec<(u8, u8)>,
    },
    TimeOut {
        attempt: i8,
        available: u8,
        banned: Vec<(u8, u8)>,
    },
    Expire {
        late: bool,
    },
    Cancel {
        own: bool,
    },
}

pub(crate) fn reason() -> impl Strategy<Value = AttemptFailure> {
    prop_oneof![
        Just(AttemptFailure::NotReady),
        (1u8..5).prop_map(|round| AttemptFailure::Silence { round }),
        Just(AttemptFailure::Cheating),
        Just(AttemptFailure::Refused),
        Just(AttemptFailure::Engine),
        Just(AttemptFailure::Timeout),
    ]
}

fn bans() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((1u8..6, 1u8..6), 0..3)
}

/// Mostly the attempt that runs.
fn attempt() -> impl Strategy<Value = i8> {
    prop_oneof![8 => Just(0i8), 1 => Just(-1), 1 => Just(1)]
}

pub(crate) fn a_move() -> impl Strategy<Value = Move> {
    let who = || 1u8..7;
    prop_oneof![
        1 => Just(Move::Create),
        8 => (who(), prop::bool::weighted(0.9), any::<bool>(), prop::bool::weighted(0.05))
            .prop_map(|(party, own_token, ready, late)| Move::Join {
                party, own_token, ready, late,
            }),
        6 => Just(Move::EveryoneJoins),
        3 => (who(), attempt(), 0u8..6)
            .prop_map(|(party, attempt, flaw)| Move::Sign { party, attempt, flaw }),
        5 => (who(), attempt(), 0u8..40)
            .prop_map(|(party, attempt, flaw)| Move::Receipt { party, attempt, flaw }),
        1 => Just(Move::EveryoneReports),
        6 => (who(), attempt(), reason(), any::<u8>(), any::<u8>(), bans())
            .prop_map(|(party, attempt, reason, culprits, available, banned)| Move::Abort {
                party, attempt, reason, culprits, available, banned,
            }),
        4 => (attempt(), any::<u8>(), bans())
            .prop_map(|(attempt, available, banned)| Move::TimeOut {
                attempt, available, banned,
            }),
        1 => any::<bool>().prop_map(|late| Move::Expire { late }),
        1 => prop::bool::weighted(0.2).prop_map(|own| Move::Cancel { own }),
    ]
}

/// A session of either kind and several sizes.
pub(crate) fn a_session() -> impl Strategy<Value = NewSession> {
    let size = prop_oneof![Just((2, 2)), Just((2, 3)), Just((3, 4)), Just((2, 5))];
    (any::<bool>(), size, 1u32..5).prop_map(|(signs, (threshold, parties), max_attempts)| {
        let base = if signs {
            signing(threshold, parties)
        } else {
            keygen(threshold, parties)
        };
        NewSession {
            max_attempts,
            ..base
        }
    })
}

/// What an honest party states about this key generation.
pub(crate) fn honest_statement(asked: &NewSession, attempt: u32) -> Statement {
    Statement {
        key: asked.key,
        session: asked.session,
        attempt,
        account: asked.account,
        engine: asked.engine,
        quorum: asked.quorum,
        epoch: asked.epoch,
        roster: asked.roster,
        public_key: group_public_key(),
        chain_code: CHAIN_CODE,
        auth_key: asked.auth_key.clone(),
        broadcasts: HashScheme::Sha256.digest(b"all broadcasts"),
    }
}

fn set(bits: u8) -> Vec<PartyId> {
    (1..=7)
        .filter(|at| bits & (1 << at) != 0)
        .map(party)
        .collect()
}

fn near(running: u32, by: i8) -> u32 {
    running.saturating_add_signed(by.into())
}

fn flawed_signature(flaw: u8) -> Signature {
    let good = sign(digest());
    match flaw {
        0 => sign(HashScheme::Sha256.digest(b"two coins")),
        1 => high_s(good),
        2 => Signature {
            v: good.v ^ 1,
            ..good
        },
        3 => Signature { v: 29, ..good },
        _ => good,
    }
}

fn report(party: PartyId, attempt: u32, report: Report) -> SessionCommand {
    SessionCommand::Report {
        party,
        attempt,
        report,
    }
}

fn receipt_of(index: u8, statement: &Statement) -> Report {
    Report::Receipt {
        receipt: receipt(index, statement),
    }
}

impl Move {
    /// The commands that this move is against a session in this state.
    pub(crate) fn commands(&self, asked: &NewSession, session: &Session) -> Vec<SessionCommand> {
        let Some(state) = session.state() else {
            return vec![SessionCommand::Create(Box::new(asked.clone()))];
        };
        let running = state.attempt;
        match self {
            Self::Create => vec![SessionCommand::Create(Box::new(asked.clone()))],
            Self::Join {
                party: index,
                own_token,
                ready,
                late,
            } => vec![SessionCommand::Join {
                party: party(*index),
                token: token(if *own_token { *index } else { 9 }),
                device: device(),
                ready: *ready,
                now: clock(asked, *late),
            }],
            Self::EveryoneJoins => joins(asked, state),
            Self::Sign {
                party: index,
                attempt,
                flaw,
            } => vec![report(
                party(*index),
                near(running, *attempt),
                Report::Signature {
                    signature: flawed_signature(*flaw),
                },
            )],
            Self::Receipt {
                party: index,
                attempt,
                flaw,
            } => {
                let attempt = near(running, *attempt);
                let honest = honest_statement(asked, attempt);
                let others = other_statements(&honest);
                let stated = others
                    .get(usize::from(*flaw))
                    .map_or(&honest, |(_, other)| other);
                vec![report(party(*index), attempt, receipt_of(*index, stated))]
            }
            Self::EveryoneReports => (1..=asked.quorum.parties())
                .map(|index| {
                    let stated = honest_statement(asked, running);
                    report(party(index), running, receipt_of(index, &stated))
                })
                .collect(),
            Self::Abort {
                party: index,
                attempt,
                reason,
                culprits,
                available,
                banned,
            } => vec![SessionCommand::Abort {
                party: party(*index),
                attempt: near(running, *attempt),
                reason: *reason,
                culprits: set(*culprits),
                detail: "because".to_owned(),
                available: set(*available),
                banned: banned_pairs(banned),
            }],
            Self::TimeOut {
                attempt,
                available,
                banned,
            } => vec![SessionCommand::AttemptTimedOut {
                attempt: near(running, *attempt),
                available: set(*available),
                banned: banned_pairs(banned),
            }],
            Self::Expire { late } => vec![SessionCommand::Expire {
                now: clock(asked, *late),
            }],
            Self::Cancel { own } => {
                let signer = if *own { alice() } else { mallory() };
                let session = asked.session;
                vec![SessionCommand::Cancel(verified(
                    &signer,
                    "cancel",
                    Action::Cancel { session },
                ))]
            }
        }
    }
}

fn banned_pairs(banned: &[(u8, u8)]) -> BTreeSet<(PartyId, PartyId)> {
    let different: Vec<_> = banned.iter().copied().filter(|(a, b)| a != b).collect();
    pairs(&different)
}

fn clock(asked: &NewSession, late: bool) -> Timestamp {
    if late {
        asked.expires_at
    } else {
        asked.expires_at - Duration::seconds(1)
    }
}

fn joins(asked: &NewSession, state: &SessionState) -> Vec<SessionCommand> {
    state
        .unready()
        .map(|who| SessionCommand::Join {
            party: who.clone(),
            token: token(state.participants[who].member.index),
            device: device(),
            ready: true,
            now: clock(asked, false),
        })
        .collect()
}

/// How many parties take part in an attempt, told from the rules and not from
/// the code under test.
pub(crate) fn attendance(asked: &NewSession) -> usize {
    usize::from(if asked.kind == SessionKind::Sign {
        asked.quorum.threshold()
    } else {
        asked.quorum.parties()
    })
}
