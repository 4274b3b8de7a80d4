//! HPKE (RFC 9180) in base mode, export only, with DHKEM(X25519, HKDF-SHA256) and
//! HKDF-SHA256.

use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable as _, HpkeError, Kem as _, OpModeR, OpModeS, Serializable as _, setup_receiver,
    setup_sender,
};
use zeroize::Zeroizing;

/// Bytes of an encapsulated key.
pub(crate) const KEY: usize = 32;
pub(crate) type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;

/// The private key in these 32 bytes of entropy (they are clamped, RFC 7748).
pub(crate) fn private_key(bytes: &[u8; 32]) -> PrivateKey {
    PrivateKey::from_bytes(bytes).expect("any 32 bytes are an X25519 private key")
}

/// The public key of a private key.
pub(crate) fn public_key(key: &PrivateKey) -> [u8; 32] {
    X25519HkdfSha256::sk_to_pk(key).to_bytes().into()
}

/// Encapsulates a secret to the recipient and exports 32 bytes of it under `label`
/// (RFC 9180, section 5.3): the encapsulated key, and those bytes.
pub(crate) fn export_to(
    recipient: &[u8; KEY],
    info: &[u8],
    label: &[u8],
) -> Result<([u8; KEY], Zeroizing<[u8; 32]>), HpkeError> {
    let recipient = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(recipient)?;
    let (encapsulated, context) = setup_sender::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &recipient,
        info,
    )?;
    let mut exported = Zeroizing::new([0; 32]);
    context.export(label, &mut *exported)?;
    Ok((encapsulated.to_bytes().into(), exported))
}

/// Exports the same from the encapsulated key.
pub(crate) fn export_from(
    key: &PrivateKey,
    encapsulated: &[u8],
    info: &[u8],
    label: &[u8],
) -> Result<Zeroizing<[u8; 32]>, HpkeError> {
    let encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(encapsulated)?;
    let context = setup_receiver::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        key,
        &encapsulated,
        info,
    )?;
    let mut exported = Zeroizing::new([0; 32]);
    context.export(label, &mut *exported)?;
    Ok(exported)
}

#[cfg(test)]
mod tests;
