//! Bytes sealed to one party, by anybody: invitations, which carry a one-time
//! join token.
//!
//! Nothing here says who the sender is. An invitation authorises nothing, and
//! the party that opens one verifies the intent in it for itself.

use countersign_domain::roster::PartyIdentity;
use hpke::HpkeError;
use zeroize::Zeroizing;

use crate::identity::IdentityKeys;
use crate::seal;

/// The tag of session invitations.
pub const SESSION_INVITATION: &str = "countersign-invitation-v1";

/// Sealing to a party, or opening, failed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The recipient's seal key cannot be sealed to.
    #[error("cannot seal to the seal key of party `{party}`")]
    Recipient {
        /// Whose key it is.
        party: String,
        /// What HPKE says.
        #[source]
        source: HpkeError,
    },
    /// Sealed to another key, for another purpose, or changed on the way.
    #[error("these bytes were not sealed to this party for this purpose, or were changed")]
    Open(#[source] HpkeError),
}

/// Seals `plaintext` to a party for the purpose `tag`.
///
/// # Errors
/// [`SealError::Recipient`] for an unusable seal key.
pub fn seal_to(
    recipient: &PartyIdentity,
    tag: &str,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut out = Zeroizing::new(Vec::with_capacity(seal::KEY + plaintext.len() + seal::TAG));
    seal::seal_onto(
        &mut out,
        &recipient.seal_key.0,
        tag.as_bytes(),
        &[],
        plaintext,
    )
    .map_err(|source| SealError::Recipient {
        party: recipient.party.to_string(),
        source,
    })?;
    Ok(std::mem::take(&mut *out))
}

/// Opens what [`seal_to`] sealed to these keys under the same `tag`.
///
/// # Errors
/// [`SealError::Open`] for anything else.
pub fn unseal(
    keys: &IdentityKeys,
    tag: &str,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    seal::open(&keys.seal, tag.as_bytes(), &[], bytes).map_err(SealError::Open)
}
