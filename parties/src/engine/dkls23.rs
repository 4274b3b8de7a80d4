//! DKLs23: threshold ECDSA from oblivious transfer.
//!
//! The protocol is of <https://eprint.iacr.org/2023/765>, the implementation is
//! the `dkls23-secp256k1` crate; this module gives it rounds, an encoding, and
//! the checks that it leaves to its caller:
//!
//! - it has no echo broadcast: [`GeneratedKey::broadcast_hash`] stands in for it;
//! - it keeps commitment and proof of a key share in one struct: the commitment
//!   goes out one round before the proof;
//! - it binds neither proofs nor chain-code commitments to their sender, so two
//!   equal ones, of which one must be copied, are refused;
//! - it names a ban but does not remember it: [`AbortKind::Ban`] is for the key's
//!   record.
//!
//! [`GeneratedKey::broadcast_hash`]: super::GeneratedKey::broadcast_hash
//! [`AbortKind::Ban`]: super::AbortKind::Ban

mod blame;
mod codec;
mod derive;
mod keygen;
mod sign;
mod transcript;
mod wire;

use dkls23_secp256k1::protocols::PartyIndex as LibraryIndex;

use super::driver::Driver;
use super::{Capabilities, Ceremony, Engine, EngineError, KeygenInput, PartyIndex, SignInput};

pub use derive::derive_public_key;

/// Most parties of a key.
pub const MAX_PARTIES: u8 = 32;

/// The DKLs23 engine. It has no state of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dkls23;

impl Engine for Dkls23 {
    fn id(&self) -> &'static str {
        "dkls23"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // The digest is bound in the first round.
            presign: false,
            // Round state is single use: a crash ends the attempt.
            resumable: false,
            hd: true,
            refresh: false,
            echo_built_in: false,
            needs_raw_message: false,
        }
    }

    fn keygen(&self, input: KeygenInput) -> Result<Box<dyn Ceremony>, EngineError> {
        let KeygenInput { parties, me, .. } = input;
        let protocol = keygen::Keygen::new(input)?;
        let peers = (1..=parties).filter(|&party| party != me).collect();
        Ok(Box::new(Driver::new(me, peers, protocol)))
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Box<dyn Ceremony>, EngineError> {
        let master = codec::decode(input.share)?;
        let me = master.party_index.as_u8();
        check_signers(
            input.signers,
            me,
            master.parameters.threshold,
            master.parameters.share_count,
        )?;
        let party = derive::derive_share(master, input.path)?;
        let peers: Vec<PartyIndex> = input
            .signers
            .iter()
            .copied()
            .filter(|&signer| signer != me)
            .collect();
        let counterparties = peers
            .iter()
            .map(|&peer| index(peer, party.parameters.share_count))
            .collect::<Result<_, _>>()?;
        let protocol = sign::Sign::new(party, counterparties, input.digest, input.ceremony_id);
        Ok(Box::new(Driver::new(me, peers, protocol)))
    }

    fn derive_public_key(
        &self,
        public_key: &[u8; 33],
        chain_code: &[u8; 32],
        path: &[u32],
    ) -> Result<[u8; 33], EngineError> {
        derive_public_key(public_key, chain_code, path)
    }
}

/// The protocol's shares of zero and Lagrange factors are for exactly
/// `threshold` signers; more or fewer would sign nothing.
fn check_signers(
    signers: &[PartyIndex],
    me: PartyIndex,
    threshold: u8,
    parties: u8,
) -> Result<(), EngineError> {
    if signers.len() != usize::from(threshold) {
        return Err(EngineError::SignerCount {
            threshold,
            signers: signers.len(),
        });
    }
    if let Some(&party) = signers.iter().find(|&&s| s == 0 || s > parties) {
        return Err(EngineError::UnknownParty { party, parties });
    }
    if !signers.is_sorted_by(|a, b| a < b) {
        return Err(EngineError::SignerOrder);
    }
    if !signers.contains(&me) {
        return Err(EngineError::NotASigner { me });
    }
    Ok(())
}

/// A position in the form of the library.
fn index(party: PartyIndex, parties: u8) -> Result<LibraryIndex, EngineError> {
    LibraryIndex::new(party)
        .ok()
        .filter(|_| party <= parties)
        .ok_or(EngineError::UnknownParty { party, parties })
}
