//! Key generation: protocol 9.1 of <https://eprint.iacr.org/2023/602>, with the
//! setup that later signings need, in five rounds.

use std::collections::BTreeMap;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::Parameters;
use dkls23_secp256k1::protocols::PartyIndex as LibraryIndex;
use dkls23_secp256k1::protocols::dkg::{ProofCommitment, TransmitInitZeroSharePhase2to4};
use dkls23_secp256k1::protocols::dkg_session::DkgSession;
use k256::{Scalar, Secp256k1};
use zeroize::{Zeroize, Zeroizing};

use super::blame::translate;
use super::derive::compress;
use super::transcript::Transcript;
use super::wire::{
    self, COMMITMENTS, Commitments, FRAGMENT, KEYGEN_MAX_BODY, OPENINGS, Openings, PAIR_SETUP,
    PairSetup, ZERO_COMMITMENT,
};
use super::{MAX_PARTIES, codec, index};
use crate::engine::driver::Protocol;
use crate::engine::{
    Abort, EngineError, GeneratedKey, KeygenInput, Outcome, Outgoing, PartyIndex, Recipient, Step,
};

#[derive(Clone, Copy)]
enum Phase {
    Prepared,
    Sharing,
    Committed,
    Opened,
    Spent,
}

/// One party's side of a key generation.
pub(super) struct Keygen {
    me: LibraryIndex,
    parties: u8,
    phase: Phase,
    /// Taken by the last phase, wiped on drop.
    session: Option<DkgSession<Secp256k1>>,
    fragments: BTreeMap<PartyIndex, Scalar>,
    commitments: BTreeMap<PartyIndex, Commitments>,
    own_proof: Option<ProofCommitment<Secp256k1>>,
    zero_commitments: Vec<TransmitInitZeroSharePhase2to4>,
    openings: BTreeMap<PartyIndex, Openings>,
    setups: Vec<PairSetup>,
    transcript: Transcript,
}

impl Keygen {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// [`EngineError::Parameters`] or [`EngineError::UnknownParty`].
    pub(super) fn new(input: KeygenInput) -> Result<Self, EngineError> {
        let KeygenInput {
            threshold,
            parties,
            me,
            ceremony_id,
        } = input;
        let parameters = Parameters::new(threshold, parties)
            .ok()
            .filter(|_| parties <= MAX_PARTIES)
            .ok_or(EngineError::Parameters { threshold, parties })?;
        let me = index(me, parties)?;
        Ok(Self {
            me,
            parties,
            phase: Phase::Prepared,
            session: Some(DkgSession::new(parameters, me, ceremony_id.to_vec())),
            fragments: BTreeMap::new(),
            commitments: BTreeMap::new(),
            own_proof: None,
            zero_commitments: Vec::new(),
            openings: BTreeMap::new(),
            setups: Vec::new(),
            transcript: Transcript::default(),
        })
    }

    fn session(&mut self, round: u8) -> Result<&mut DkgSession<Secp256k1>, Abort> {
        self.session
            .as_mut()
            .ok_or_else(|| Abort::fatal(round, "the session is spent"))
    }

    /// Sends everyone a point of this party's secret polynomial.
    fn share(&mut self) -> Result<Vec<Outgoing>, Abort> {
        // The library hands out bare scalars and does not wipe them.
        let points = Zeroizing::new(self.session(FRAGMENT)?.phase1());
        let me = self.me.as_u8();
        let mut outgoing = Vec::new();
        for (receiver, point) in (1..=self.parties).zip(points.iter()) {
            if receiver == me {
                self.fragments.insert(me, *point);
            } else {
                outgoing.push(Outgoing {
                    to: Recipient::One(receiver),
                    round: FRAGMENT,
                    body: wire::encode(point, FRAGMENT)?,
                });
            }
        }
        self.phase = Phase::Sharing;
        Ok(outgoing)
    }

    /// Adds up the share and commits to a proof of it. The proof stays here.
    fn commit(&mut self) -> Result<Vec<Outgoing>, Abort> {
        let me = self.me.as_u8();
        let mut fragments: Zeroizing<Vec<Scalar>> =
            Zeroizing::new(self.fragments.values().copied().collect());
        let result = self.session(FRAGMENT)?.phase2(&fragments);
        fragments.zeroize();
        self.wipe_fragments();
        let (proof, zero, chain_code) = result.map_err(|abort| translate(&abort, FRAGMENT, me))?;

        let commitments = Commitments {
            proof: proof.commitment,
            chain_code,
        };
        let body = wire::encode(&commitments, COMMITMENTS)?;
        self.transcript.add(COMMITMENTS, me, &body);
        self.commitments.insert(me, commitments);
        self.own_proof = Some(proof);
        let mut outgoing = vec![Outgoing {
            to: Recipient::All,
            round: COMMITMENTS,
            body,
        }];
        for message in &zero {
            outgoing.push(Outgoing {
                to: Recipient::One(message.parties.receiver.as_u8()),
                round: ZERO_COMMITMENT,
                body: wire::encode(message, ZERO_COMMITMENT)?,
            });
        }
        self.phase = Phase::Committed;
        Ok(outgoing)
    }

    /// Once everyone is bound, opens the commitments and sets up the pairs.
    fn open(&mut self) -> Result<Vec<Outgoing>, Abort> {
        let me = self.me.as_u8();
        self.refuse_copies()?;
        let (zero, multiplication, chain_code) = self
            .session(COMMITMENTS)?
            .phase3()
            .map_err(|abort| translate(&abort, COMMITMENTS, me))?;
        let proof = self
            .own_proof
            .as_ref()
            .map(|own| own.proof.clone())
            .ok_or_else(|| Abort::fatal(COMMITMENTS, "no proof to open"))?;

        let openings = Openings { proof, chain_code };
        let body = wire::encode(&openings, OPENINGS)?;
        self.transcript.add(OPENINGS, me, &body);
        self.openings.insert(me, openings);
        let mut outgoing = vec![Outgoing {
            to: Recipient::All,
            round: OPENINGS,
            body,
        }];
        // The library makes both lists in the order of the receivers.
        for (zero, multiplication) in zero.into_iter().zip(multiplication) {
            let receiver = multiplication.parties.receiver.as_u8();
            let setup = PairSetup {
                zero,
                multiplication,
            };
            outgoing.push(Outgoing {
                to: Recipient::One(receiver),
                round: PAIR_SETUP,
                body: wire::encode(&setup, PAIR_SETUP)?,
            });
        }
        self.phase = Phase::Opened;
        Ok(outgoing)
    }

    /// Holds every opening against its commitment and puts the share together.
    fn finish(&mut self) -> Result<GeneratedKey, Abort> {
        let me = self.me.as_u8();
        let session = self
            .session
            .take()
            .ok_or_else(|| Abort::fatal(PAIR_SETUP, "the session is spent"))?;
        // Each proof meets the commitment of two rounds before; the library
        // checks that they belong together.
        let proofs: Vec<ProofCommitment<Secp256k1>> = self
            .openings
            .values()
            .zip(self.commitments.values())
            .map(|(opening, commitments)| ProofCommitment {
                index: opening.chain_code.sender_index,
                proof: opening.proof.clone(),
                commitment: commitments.proof,
            })
            .collect();
        let chain_commitments = self
            .commitments
            .values()
            .map(|it| (it.chain_code.sender_index, it.chain_code.clone()))
            .collect();
        let chain_openings = self
            .openings
            .values()
            .map(|it| (it.chain_code.sender_index, it.chain_code.clone()))
            .collect();
        let mut zero: Vec<_> = self.setups.iter().map(|it| it.zero.clone()).collect();
        let multiplication: Vec<_> = self
            .setups
            .iter()
            .map(|it| it.multiplication.clone())
            .collect();
        let result = session.phase4(
            &proofs,
            &self.zero_commitments,
            &zero,
            &multiplication,
            &chain_commitments,
            &chain_openings,
            |_| String::new(),
        );
        for message in &mut zero {
            message.seed.zeroize();
            message.salt.zeroize();
        }
        let (party, _) = result.map_err(|abort| translate(&abort, PAIR_SETUP, me))?;
        self.phase = Phase::Spent;
        self.generated(&party)
    }

    fn generated(&self, party: &Party) -> Result<GeneratedKey, Abort> {
        let public_key = compress(&party.pk)
            .ok_or_else(|| Abort::unattributed(PAIR_SETUP, "the key is the point at infinity"))?;
        let share = codec::encode(party).map_err(|error| {
            Abort::fatal(PAIR_SETUP, format!("cannot encode the share: {error}"))
        })?;
        Ok(GeneratedKey {
            public_key,
            chain_code: *party.chain_code(),
            share,
            broadcast_hash: self.transcript.hash(),
        })
    }

    /// Neither commitment is bound to its sender. Whoever sends another's as its
    /// own can open it one moment after that other: in a key of two it would
    /// choose the chain code (the parts are XORed), and pass off a share that it
    /// does not have. Honest commitments are salted and never equal.
    fn refuse_copies(&self) -> Result<(), Abort> {
        let me = self.me.as_u8();
        for (&one, ours) in &self.commitments {
            for (&other, theirs) in self.commitments.range(one + 1..) {
                if ours.proof != theirs.proof
                    && ours.chain_code.cc_commitment != theirs.chain_code.cc_commitment
                {
                    continue;
                }
                let reason = format!("parties {one} and {other} made the same commitment");
                // Of two others, it cannot be told who copied from whom.
                return Err(if one == me {
                    Abort::blame(other, COMMITMENTS, reason)
                } else if other == me {
                    Abort::blame(one, COMMITMENTS, reason)
                } else {
                    Abort::unattributed(COMMITMENTS, reason)
                });
            }
        }
        Ok(())
    }

    fn wipe_fragments(&mut self) {
        for fragment in self.fragments.values_mut() {
            fragment.zeroize();
        }
        self.fragments.clear();
    }
}

impl Protocol for Keygen {
    const NAME: &'static str = "Dkls23Keygen";
    const MAX_BODY: &'static [usize] = KEYGEN_MAX_BODY;

    fn begin(&mut self) -> Result<Vec<Outgoing>, Abort> {
        self.share()
    }

    fn store(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<(), Abort> {
        let me = self.me.as_u8();
        match round {
            FRAGMENT => {
                let fragment = wire::decode(from, round, body)?;
                self.fragments.insert(from, fragment);
            }
            COMMITMENTS => {
                let commitments = wire::decode_addressed(from, me, round, body)?;
                self.commitments.insert(from, commitments);
                self.transcript.add(round, from, body);
            }
            ZERO_COMMITMENT => {
                let commitment = wire::decode_addressed(from, me, round, body)?;
                self.zero_commitments.push(commitment);
            }
            OPENINGS => {
                let openings = wire::decode_addressed(from, me, round, body)?;
                self.openings.insert(from, openings);
                self.transcript.add(round, from, body);
            }
            PAIR_SETUP => {
                let setup = wire::decode_addressed(from, me, round, body)?;
                self.setups.push(setup);
            }
            _ => return Err(Abort::blame(from, round, "keygen has no such round")),
        }
        Ok(())
    }

    fn advance(&mut self, complete: u8) -> Result<Option<Step>, Abort> {
        let mut step = Step::default();
        match self.phase {
            Phase::Sharing if complete >= FRAGMENT => step.outgoing = self.commit()?,
            Phase::Committed if complete >= ZERO_COMMITMENT => step.outgoing = self.open()?,
            Phase::Opened if complete >= PAIR_SETUP => {
                step.outcome = Some(Outcome::Key(self.finish()?));
            }
            _ => return Ok(None),
        }
        Ok(Some(step))
    }
}

impl Drop for Keygen {
    fn drop(&mut self) {
        self.wipe_fragments();
    }
}
