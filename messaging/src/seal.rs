//! HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
//! and AES-256-GCM. Sealed bytes are: encapsulated key (32), ciphertext, tag (16).

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, HpkeError, Kem as _, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

/// Bytes of the encapsulated key, before the ciphertext.
pub(crate) const KEY: usize = 32;
/// Bytes of the tag, after the ciphertext.
pub(crate) const TAG: usize = 16;

pub(crate) type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;

/// The private key in these 32 bytes of entropy (they are clamped, RFC 7748).
pub(crate) fn private_key(bytes: &[u8; 32]) -> PrivateKey {
    PrivateKey::from_bytes(bytes).expect("any 32 bytes are an X25519 private key")
}

/// The public key of a private key.
pub(crate) fn public_key(key: &PrivateKey) -> [u8; 32] {
    X25519HkdfSha256::sk_to_pk(key).to_bytes().into()
}

/// Appends the sealed plaintext to `out`, which has room for it already when the
/// plaintext should leave no copy behind.
pub(crate) fn seal_onto(
    out: &mut Zeroizing<Vec<u8>>,
    recipient: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<(), HpkeError> {
    let recipient = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(recipient)?;
    let start = out.len();
    out.extend_from_slice(&[0; KEY]);
    out.extend_from_slice(plaintext);
    let (encapsulated, tag) =
        hpke::single_shot_seal_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            info,
            InOutBuf::from(&mut out[start + KEY..]),
            aad,
        )?;
    out[start..start + KEY].copy_from_slice(&encapsulated.to_bytes());
    out.extend_from_slice(&tag.to_bytes());
    Ok(())
}

/// Opens what [`seal_onto`] appended.
pub(crate) fn open(
    key: &PrivateKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    if sealed.len() < KEY + TAG {
        return Err(HpkeError::IncorrectInputLength(KEY + TAG, sealed.len()));
    }
    let (encapsulated, rest) = sealed.split_at(KEY);
    let (ciphertext, tag) = rest.split_at(rest.len() - TAG);
    let encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(encapsulated)?;
    let tag = AeadTag::<AesGcm256>::from_bytes(tag)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        key,
        &encapsulated,
        info,
        InOutBuf::from(&mut plaintext[..]),
        aad,
        &tag,
    )?;
    Ok(plaintext)
}
