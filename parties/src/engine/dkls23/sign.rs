//! Signing, protocol 3.6 of DKLs23, in three rounds.

use std::collections::BTreeMap;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::PartyIndex as LibraryIndex;
use dkls23_secp256k1::protocols::signing::{
    KeepPhase1to2, KeepPhase2to3, SignData, TransmitPhase1to2, TransmitPhase2to3, UniqueKeep1to2,
    UniqueKeep2to3,
};
use k256::Secp256k1;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

use super::blame::translate;
use super::derive::compress;
use super::wire::{self, COMBINE, EXTEND, MULTIPLY, SIGN_MAX_BODY, SignatureShare};
use crate::engine::driver::Protocol;
use crate::engine::{Abort, EngineSignature, Outcome, Outgoing, PartyIndex, Recipient, Step};

/// What is kept from one phase to the next: each can be taken once.
enum Phase {
    Prepared,
    Extended(
        UniqueKeep1to2<Secp256k1>,
        BTreeMap<LibraryIndex, KeepPhase1to2<Secp256k1>>,
    ),
    Multiplied(
        UniqueKeep2to3<Secp256k1>,
        BTreeMap<LibraryIndex, KeepPhase2to3<Secp256k1>>,
    ),
    Combining {
        x_coordinate: String,
        own: SignatureShare,
    },
    Spent,
}

/// One signer's side of a signing.
pub(super) struct Sign {
    party: Party,
    data: SignData,
    phase: Phase,
    extensions: Vec<TransmitPhase1to2>,
    products: Vec<TransmitPhase2to3<Secp256k1>>,
    shares: Vec<SignatureShare>,
}

impl Sign {
    /// For the owner of `party`, already derived to the key that signs.
    pub(super) fn new(
        party: Party,
        counterparties: Vec<LibraryIndex>,
        digest: [u8; 32],
        ceremony_id: [u8; 32],
    ) -> Self {
        let data = SignData {
            sign_id: ceremony_id.to_vec(),
            counterparties,
            message_hash: digest,
        };
        Self {
            party,
            data,
            phase: Phase::Prepared,
            extensions: Vec::new(),
            products: Vec::new(),
            shares: Vec::new(),
        }
    }

    fn me(&self) -> PartyIndex {
        self.party.party_index.as_u8()
    }

    fn extend(&mut self) -> Result<Vec<Outgoing>, Abort> {
        let (unique, kept, transmit) = self
            .party
            .sign_phase1(&self.data)
            .map_err(|abort| translate(&abort, EXTEND, self.me()))?;
        self.phase = Phase::Extended(unique, kept);
        transmit
            .iter()
            .map(|message| private(message, message.parties.receiver, EXTEND))
            .collect()
    }

    fn multiply(
        &mut self,
        unique: UniqueKeep1to2<Secp256k1>,
        kept: BTreeMap<LibraryIndex, KeepPhase1to2<Secp256k1>>,
    ) -> Result<Vec<Outgoing>, Abort> {
        let received = std::mem::take(&mut self.extensions);
        let (unique, kept, transmit) = self
            .party
            .sign_phase2(&self.data, unique, kept, &received)
            .map_err(|abort| translate(&abort, EXTEND, self.me()))?;
        self.phase = Phase::Multiplied(unique, kept);
        transmit
            .iter()
            .map(|message| private(message, message.parties.receiver, MULTIPLY))
            .collect()
    }

    fn combine(
        &mut self,
        unique: UniqueKeep2to3<Secp256k1>,
        kept: BTreeMap<LibraryIndex, KeepPhase2to3<Secp256k1>>,
    ) -> Result<Vec<Outgoing>, Abort> {
        let received = std::mem::take(&mut self.products);
        let (x_coordinate, own) = self
            .party
            .sign_phase3(&self.data, unique, kept, &received)
            .map_err(|abort| translate(&abort, MULTIPLY, self.me()))?;
        let body = wire::encode(&own, COMBINE)?;
        self.phase = Phase::Combining { x_coordinate, own };
        Ok(vec![Outgoing {
            to: Recipient::All,
            round: COMBINE,
            body,
        }])
    }

    fn finish(
        &mut self,
        x_coordinate: &str,
        own: SignatureShare,
    ) -> Result<EngineSignature, Abort> {
        let mut shares = std::mem::take(&mut self.shares);
        shares.push(own);
        // Normalised to low s; the recovery id is computed from that s.
        let (s, v) = self
            .party
            .sign_phase4(&self.data, x_coordinate, &shares, true)
            .map_err(|abort| translate(&abort, COMBINE, self.me()))?;
        let invalid = || Abort::unattributed(COMBINE, "the signature does not verify");
        let signature = EngineSignature {
            r: scalar_bytes(x_coordinate).ok_or_else(invalid)?,
            s: scalar_bytes(&s).ok_or_else(invalid)?,
            v,
            public_key: compress(&self.party.pk).ok_or_else(invalid)?,
        };
        if is_valid(&signature, &self.data.message_hash) {
            Ok(signature)
        } else {
            Err(invalid())
        }
    }
}

impl Protocol for Sign {
    const NAME: &'static str = "Dkls23Sign";
    const MAX_BODY: &'static [usize] = SIGN_MAX_BODY;

    fn begin(&mut self) -> Result<Vec<Outgoing>, Abort> {
        self.extend()
    }

    fn store(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<(), Abort> {
        let me = self.me();
        match round {
            EXTEND => self
                .extensions
                .push(wire::decode_addressed(from, me, round, body)?),
            MULTIPLY => self
                .products
                .push(wire::decode_addressed(from, me, round, body)?),
            COMBINE => self.shares.push(wire::decode(from, round, body)?),
            _ => return Err(Abort::blame(from, round, "signing has no such round")),
        }
        Ok(())
    }

    fn advance(&mut self, complete: u8) -> Result<Option<Step>, Abort> {
        let needed = match &self.phase {
            Phase::Extended(..) => EXTEND,
            Phase::Multiplied(..) => MULTIPLY,
            Phase::Combining { .. } => COMBINE,
            Phase::Prepared | Phase::Spent => return Ok(None),
        };
        if complete < needed {
            return Ok(None);
        }
        let mut step = Step::default();
        match std::mem::replace(&mut self.phase, Phase::Spent) {
            Phase::Extended(unique, kept) => step.outgoing = self.multiply(unique, kept)?,
            Phase::Multiplied(unique, kept) => step.outgoing = self.combine(unique, kept)?,
            Phase::Combining { x_coordinate, own } => {
                step.outcome = Some(Outcome::Signature(self.finish(&x_coordinate, own)?));
            }
            Phase::Prepared | Phase::Spent => return Ok(None),
        }
        Ok(Some(step))
    }
}

fn private<T: serde::Serialize>(
    message: &T,
    receiver: LibraryIndex,
    round: u8,
) -> Result<Outgoing, Abort> {
    Ok(Outgoing {
        to: Recipient::One(receiver.as_u8()),
        round,
        body: wire::encode(message, round)?,
    })
}

/// 64 hexadecimal digits as 32 bytes.
fn scalar_bytes(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (position, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * position..2 * position + 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Checks the signature with an implementation that had no part in making it,
/// and that the recovery id leads back to the key.
fn is_valid(signature: &EngineSignature, digest: &[u8; 32]) -> bool {
    let EngineSignature {
        r,
        s,
        v,
        public_key,
    } = signature;
    let (Ok(key), Ok(scalars)) = (
        VerifyingKey::from_sec1_bytes(public_key),
        Signature::from_scalars(*r, *s),
    ) else {
        return false;
    };
    // A recovery id over 1 says that r was reduced; such a signature comes once
    // in 2^127 and has no place in an Ethereum transaction.
    let Some(recovery_id) = RecoveryId::from_byte(*v).filter(|id| !id.is_x_reduced()) else {
        return false;
    };
    scalars.normalize_s() == scalars
        && key.verify_prehash(digest, &scalars).is_ok()
        && VerifyingKey::recover_from_prehash(digest, &scalars, recovery_id)
            .is_ok_and(|recovered| recovered == key)
}
