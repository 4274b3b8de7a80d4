//! The port: what the worker may ask of any threshold-signing protocol.

use std::fmt;

use zeroize::Zeroizing;

use super::{Abort, EngineError, SecretShare};

/// A party's position in the key's roster, counted from 1.
pub type PartyIndex = u8;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// Every other party of the ceremony, with the same bytes. Not secret.
    All,
    /// One party. The body is secret to all others, whatever the round.
    One(PartyIndex),
}

/// A message to be sent. The body is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom it is for.
    pub to: Recipient,
    /// The round it belongs to, counted from 1.
    ///
    /// A round is either a broadcast of each party or one message of each party
    /// to each other, never both: a sender has one body per round and receiver.
    pub round: u8,
    /// The engine's own encoding.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("to", &self.to)
            .field("round", &self.round)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What a ceremony wants done after it was started or got a message.
#[derive(Debug, Default)]
pub struct Step {
    /// Messages to send, in order. Empty when more input is needed first.
    pub outgoing: Vec<Outgoing>,
    /// The result, once. Messages in the same step must still be sent, or the
    /// peers cannot finish.
    pub outcome: Option<Outcome>,
}

/// What a ceremony was held for.
#[derive(Debug)]
pub enum Outcome {
    /// A new key, with this party's share.
    Key(GeneratedKey),
    /// A verified signature.
    Signature(EngineSignature),
}

/// The result of a key generation at one party.
#[derive(Debug)]
pub struct GeneratedKey {
    /// Compressed SEC1 point, equal at all honest parties.
    pub public_key: [u8; 33],
    /// BIP32 chain code of the master key, equal at all honest parties.
    pub chain_code: [u8; 32],
    /// This party's share. It has left no other copy behind.
    pub share: SecretShare,
    /// Hash of every broadcast of the ceremony, own ones included. Parties that
    /// compare it have done what an echo broadcast does: a party that told two
    /// peers different things leaves them with different hashes.
    pub broadcast_hash: [u8; 32],
}

/// An ECDSA signature over secp256k1, verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSignature {
    /// Big-endian `r`.
    pub r: [u8; 32],
    /// Big-endian `s`, in the lower half of the group order (BIP 62, EIP-2).
    pub s: [u8; 32],
    /// Recovery id 0 or 1: the parity of the nonce point that goes with this `s`.
    pub v: u8,
    /// The key it verifies under, compressed: the child's if a path was given.
    pub public_key: [u8; 33],
}

/// What an engine can do beyond keygen and signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Rounds can be done before the message is known.
    pub presign: bool,
    /// A ceremony's state can be stored and picked up after a restart.
    pub resumable: bool,
    /// Signs under BIP32 children (non-hardened).
    pub hd: bool,
    /// Shares can be renewed under the same public key.
    pub refresh: bool,
    /// The protocol itself makes sure that broadcasts were the same for all.
    pub echo_built_in: bool,
    /// Wants the message, not its digest.
    pub needs_raw_message: bool,
}

/// What a key generation is started with. Equal at all parties but for `me`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeygenInput {
    /// How many parties must sign: 2 ≤ threshold ≤ parties.
    pub threshold: u8,
    /// How many parties get a share, at most 32.
    pub parties: u8,
    /// This party's position, 1 ≤ me ≤ parties.
    pub me: PartyIndex,
    /// Hash over everything that makes this attempt unique. Never used twice.
    pub ceremony_id: [u8; 32],
}

/// What a signing is started with. Equal at all signers but for the share.
#[derive(Clone, Copy, Debug)]
pub struct SignInput<'a> {
    /// This party's share of the key.
    pub share: &'a SecretShare,
    /// Positions of the signers: ascending, exactly `threshold`, this party's
    /// own among them.
    pub signers: &'a [PartyIndex],
    /// BIP32 path below the master key, non-hardened. Empty for the master key.
    pub path: &'a [u32],
    /// What is signed: a 32-byte digest.
    pub digest: [u8; 32],
    /// Hash over everything that makes this attempt unique. Never used twice.
    pub ceremony_id: [u8; 32],
}

/// Whom a ceremony waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The earliest round that is not complete, or the last round.
    pub round: u8,
    /// Ascending; whose message of that round is missing. Empty when the
    /// ceremony has ended.
    pub parties: Vec<PartyIndex>,
}

/// A threshold-signing protocol.
pub trait Engine: Send + Sync + fmt::Debug {
    /// The name that keys record, never reused for something incompatible.
    fn id(&self) -> &'static str;

    /// What this engine can do.
    fn capabilities(&self) -> Capabilities;

    /// Prepares a key generation.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the input is out of range.
    fn keygen(&self, input: KeygenInput) -> Result<Box<dyn Ceremony>, EngineError>;

    /// Prepares a signing.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the share does not decode, or does not fit the
    /// signers or the path.
    fn sign(&self, input: SignInput<'_>) -> Result<Box<dyn Ceremony>, EngineError>;

    /// Derives the BIP32 child of a public key, without any share.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the key is no point, the path is hardened or too
    /// deep, or the engine does no derivation.
    fn derive_public_key(
        &self,
        public_key: &[u8; 33],
        chain_code: &[u8; 32],
        path: &[u32],
    ) -> Result<[u8; 33], EngineError>;
}

/// One attempt of a protocol at one party, single use.
///
/// It holds secrets: dropping it wipes them, and its `Debug` shows none.
pub trait Ceremony: Send + fmt::Debug {
    /// Begins, once. Messages that came before are taken up.
    ///
    /// # Errors
    ///
    /// [`Abort`] as for [`handle`](Ceremony::handle), or when called twice.
    fn start(&mut self) -> Result<Step, Abort>;

    /// Takes a peer's message, in any order and however often.
    ///
    /// The caller vouches that `from` sent it. After the outcome everything is
    /// ignored.
    ///
    /// # Errors
    ///
    /// [`Abort`] when the ceremony cannot go on. The same abort is returned for
    /// everything that comes later.
    fn handle(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<Step, Abort>;

    /// Whom it waits for.
    fn awaited(&self) -> Awaited;
}
