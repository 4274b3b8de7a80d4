//! Shares as bytes, and what must hold of one before it is used.

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::PartyIndex as LibraryIndex;
use k256::AffinePoint;

use super::MAX_PARTIES;
use super::wire::encode_exact;
use crate::engine::{EngineError, SecretShare};

/// First byte of an encoded share: postcard of the library's `Party` as of its
/// version 0.6. A change of either layout takes the next number.
const VERSION: u8 = 1;

/// Encodes a share.
///
/// # Errors
///
/// [`EngineError::ShareEncoding`], which no share of the library causes.
pub(super) fn encode(party: &Party) -> Result<SecretShare, EngineError> {
    encode_exact(party, &[VERSION])
        .map(SecretShare::from_encoded)
        .map_err(|error| EngineError::ShareEncoding(Some(error)))
}

/// Decodes and validates a share.
///
/// # Errors
///
/// [`EngineError::ShareVersion`], [`EngineError::ShareEncoding`] or
/// [`EngineError::ShareContent`].
pub(super) fn decode(share: &SecretShare) -> Result<Party, EngineError> {
    let Some((&version, encoded)) = share.expose().split_first() else {
        return Err(EngineError::ShareEncoding(None));
    };
    if version != VERSION {
        return Err(EngineError::ShareVersion {
            found: version,
            known: VERSION,
        });
    }
    match postcard::take_from_bytes::<Party>(encoded) {
        Ok((party, [])) => {
            validate(&party)?;
            Ok(party)
        }
        Ok(_) => Err(EngineError::ShareEncoding(None)),
        Err(error) => Err(EngineError::ShareEncoding(Some(error))),
    }
}

/// Bytes that decode are not yet a share: a wrong dimension would surface as a
/// peer's cheating, or worse, and have an honest party banned.
fn validate(party: &Party) -> Result<(), EngineError> {
    let ensure = |holds: bool, otherwise: &'static str| {
        holds
            .then_some(())
            .ok_or(EngineError::ShareContent(otherwise))
    };
    let me = party.party_index.as_u8();
    let parties = party.parameters.share_count;
    let peers = || (1..=parties).filter(|&peer| peer != me);

    ensure(parties <= MAX_PARTIES, "too many parties")?;
    ensure(me <= parties, "the owner is not one of the parties")?;
    ensure(party.session_id.len() == 32, "no ceremony id")?;
    ensure(party.pk != AffinePoint::IDENTITY, "no public key")?;

    let derivation = &party.derivation_data;
    ensure(derivation.depth == 0, "not a share of a master key")?;
    ensure(
        derivation.pk == party.pk && derivation.poly_point == party.poly_point,
        "derivation data of another key",
    )?;

    let senders = party.mul_senders.keys().map(LibraryIndex::as_u8);
    let receivers = party.mul_receivers.keys().map(LibraryIndex::as_u8);
    ensure(
        senders.eq(peers()) && receivers.eq(peers()),
        "not one multiplication setup per peer",
    )?;
    ensure(
        party
            .mul_senders
            .values()
            .all(|it| it.check_state().is_ok())
            && party
                .mul_receivers
                .values()
                .all(|it| it.check_state(None).is_ok()),
        "a multiplication setup has the wrong size",
    )?;

    let seeds = &party.zero_share.seeds;
    ensure(
        seeds
            .iter()
            .map(|seed| seed.index_counterparty.as_u8())
            .eq(peers()),
        "not one zero-share seed per peer",
    )?;
    ensure(
        seeds
            .iter()
            .all(|seed| seed.lowest_index == (me < seed.index_counterparty.as_u8())),
        "a zero-share seed has the wrong sign",
    )
}
