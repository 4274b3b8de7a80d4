//! What the parties say to each other, and how it is encoded.
//!
//! Bodies are postcard. A broadcast and a private message are never in the same
//! round, so that a round and a sender name one body.

use dkls23_secp256k1::protocols::PartiesMessage;
use dkls23_secp256k1::protocols::dkg::{
    BroadcastDerivationPhase2to4, BroadcastDerivationPhase3to4, TransmitInitMulPhase3to4,
    TransmitInitZeroSharePhase2to4, TransmitInitZeroSharePhase3to4,
};
use dkls23_secp256k1::protocols::signing::{Broadcast3to4, TransmitPhase1to2, TransmitPhase2to3};
use dkls23_secp256k1::utilities::proofs::DLogProof;
use k256::Secp256k1;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::engine::{Abort, PartyIndex};

/// Keygen, private: the sender's polynomial at the receiver's position.
pub(super) const FRAGMENT: u8 = 1;
/// Keygen, broadcast: [`Commitments`].
pub(super) const COMMITMENTS: u8 = 2;
/// Keygen, private: commitment to the pair's zero-share seed.
pub(super) const ZERO_COMMITMENT: u8 = 3;
/// Keygen, broadcast: [`Openings`].
pub(super) const OPENINGS: u8 = 4;
/// Keygen, private: [`PairSetup`].
pub(super) const PAIR_SETUP: u8 = 5;

/// Largest body of each keygen round, in bytes: a little over what honest parties
/// send, which does not depend on the number of parties.
pub(super) const KEYGEN_MAX_BODY: &[usize] = &[64, 128, 64, 8 << 10, 160 << 10];

/// Signing, private: OT extension and the commitment to the nonce point.
pub(super) const EXTEND: u8 = 1;
/// Signing, private: products and the opening of the commitment.
pub(super) const MULTIPLY: u8 = 2;
/// Signing, broadcast: the shares of the signature.
pub(super) const COMBINE: u8 = 3;

/// Largest body of each signing round, in bytes.
pub(super) const SIGN_MAX_BODY: &[usize] = &[32 << 10, 64 << 10, 128];

/// The shares of a signature. They name no sender: the frame does.
pub(super) type SignatureShare = Broadcast3to4<Secp256k1>;

/// What each party binds itself to before it learns the others' points.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Commitments {
    /// To the proof in [`Openings`].
    pub(super) proof: [u8; 32],
    /// To the sender's part of the chain code.
    pub(super) chain_code: BroadcastDerivationPhase2to4,
}

/// What [`Commitments`] were for.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Openings {
    /// Of knowledge of the sender's share, with its public point.
    pub(super) proof: DLogProof<Secp256k1>,
    /// The sender's part of the chain code.
    pub(super) chain_code: BroadcastDerivationPhase3to4,
}

/// What two parties set up for their later signings.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PairSetup {
    /// Seed of the pair's shares of zero, and the opening of its commitment.
    pub(super) zero: TransmitInitZeroSharePhase3to4,
    /// Base OTs in both directions.
    pub(super) multiplication: TransmitInitMulPhase3to4<Secp256k1>,
}

impl Drop for PairSetup {
    fn drop(&mut self) {
        self.zero.seed.zeroize();
        self.zero.salt.zeroize();
    }
}

/// A body that names its sender, and its receiver if it has one, itself.
///
/// The library goes by these names when it says who is to blame, so a body that
/// names others than the frame does could have an honest party accused.
pub(super) trait Addressed {
    /// Whether all names in the body are these.
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool;
}

impl Addressed for PartiesMessage {
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool {
        self.sender.as_u8() == sender && self.receiver.as_u8() == receiver
    }
}

impl Addressed for Commitments {
    fn is_between(&self, sender: PartyIndex, _: PartyIndex) -> bool {
        self.chain_code.sender_index.as_u8() == sender
    }
}

impl Addressed for TransmitInitZeroSharePhase2to4 {
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool {
        self.parties.is_between(sender, receiver)
    }
}

impl Addressed for Openings {
    fn is_between(&self, sender: PartyIndex, _: PartyIndex) -> bool {
        self.chain_code.sender_index.as_u8() == sender
    }
}

impl Addressed for PairSetup {
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool {
        self.zero.parties.is_between(sender, receiver)
            && self.multiplication.parties.is_between(sender, receiver)
    }
}

impl Addressed for TransmitPhase1to2 {
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool {
        self.parties.is_between(sender, receiver)
    }
}

impl Addressed for TransmitPhase2to3<Secp256k1> {
    fn is_between(&self, sender: PartyIndex, receiver: PartyIndex) -> bool {
        self.parties.is_between(sender, receiver)
    }
}

/// Encodes a body into a buffer of its exact size, so that no outgrown buffer is
/// left behind unwiped.
pub(super) fn encode<T: Serialize>(message: &T, round: u8) -> Result<Zeroizing<Vec<u8>>, Abort> {
    encode_exact(message, &[])
        .map_err(|error| Abort::fatal(round, format!("cannot encode a message: {error}")))
}

/// Encodes `value` behind `prefix` into a buffer of its exact size.
pub(super) fn encode_exact<T: Serialize>(
    value: &T,
    prefix: &[u8],
) -> Result<Zeroizing<Vec<u8>>, postcard::Error> {
    let size = postcard::experimental::serialized_size(value)?;
    let mut encoded = Zeroizing::new(vec![0; prefix.len() + size]);
    let (head, tail) = encoded.split_at_mut(prefix.len());
    head.copy_from_slice(prefix);
    postcard::to_slice(value, tail)?;
    Ok(encoded)
}

/// Decodes a body to its last byte.
pub(super) fn decode<T: DeserializeOwned>(
    from: PartyIndex,
    round: u8,
    body: &[u8],
) -> Result<T, Abort> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(Abort::blame(from, round, "message has bytes left over")),
        Err(_) => Err(Abort::blame(from, round, "message does not decode")),
    }
}

/// Decodes a body and holds the parties that it names against the real ones.
pub(super) fn decode_addressed<T: DeserializeOwned + Addressed>(
    from: PartyIndex,
    me: PartyIndex,
    round: u8,
    body: &[u8],
) -> Result<T, Abort> {
    let message: T = decode(from, round, body)?;
    if !message.is_between(from, me) {
        return Err(Abort::blame(from, round, "message names other parties"));
    }
    Ok(message)
}
