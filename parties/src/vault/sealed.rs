//! Envelope encryption: a secret under a data key of its own, the data key under
//! the master key, both with AES-256-GCM and a random 96-bit nonce.
//!
//! Version 1: one byte, the version; nonce and wrapped data key (12 + 48 bytes);
//! nonce and encrypted secret (12 + n + 16 bytes).

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _};
use countersign_domain::ids::{KeyId, PartyId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::master_key::MasterKey;

/// The version that is written.
pub(super) const VERSION: u8 = 1;

const NONCE: usize = 12;
const TAG: usize = 16;
const WRAPPED: usize = 32 + TAG;
const HEADER: usize = 1 + NONCE + WRAPPED + NONCE;

/// What a sealed secret is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Share = 1,
    Identity = 2,
    /// The secret that the tables' authentication key is derived from.
    TableSecret = 3,
}

/// The place a secret is sealed for. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) party: &'a PartyId,
    pub(super) key: KeyId,
    pub(super) epoch: u32,
    pub(super) kind: Kind,
}

/// The randomness of one seal.
pub(super) struct Entropy {
    pub(super) data_key: Zeroizing<[u8; 32]>,
    pub(super) wrap_nonce: [u8; NONCE],
    pub(super) nonce: [u8; NONCE],
}

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnsealError {
    #[error("seal version {0}")]
    Version(u8),
    #[error("a sealed secret that ends too early")]
    Short,
    #[error("a sealed secret that was changed or belongs elsewhere")]
    Forged,
}

impl<'a> Place<'a> {
    /// A secret of the vault itself, of which there is one of each kind.
    pub(super) fn of_vault(party: &'a PartyId, kind: Kind) -> Self {
        Self {
            party,
            key: KeyId::default(),
            epoch: 0,
            kind,
        }
    }

    /// The associated data: versioned, and every field of a fixed length or led by
    /// its length, so that no two places have the same.
    fn associated_data(&self) -> Vec<u8> {
        let party = self.party.as_str().as_bytes();
        let mut data = b"countersign-vault-seal-v1\n".to_vec();
        data.push(self.kind as u8);
        data.extend_from_slice(self.key.0.as_bytes());
        data.extend_from_slice(&self.epoch.to_be_bytes());
        data.push(u8::try_from(party.len()).expect("a party name has at most 63 characters"));
        data.extend_from_slice(party);
        data
    }
}

impl Entropy {
    /// From the system's random source.
    pub(super) fn fresh() -> Result<Self, getrandom::Error> {
        let mut entropy = Self {
            data_key: Zeroizing::new([0; 32]),
            wrap_nonce: [0; NONCE],
            nonce: [0; NONCE],
        };
        getrandom::fill(&mut *entropy.data_key)?;
        getrandom::fill(&mut entropy.wrap_nonce)?;
        getrandom::fill(&mut entropy.nonce)?;
        Ok(entropy)
    }
}

/// Seals a secret for its place. Takes the entropy by value: it is for one seal.
pub(super) fn seal(
    master: &MasterKey,
    place: &Place<'_>,
    secret: &[u8],
    entropy: Entropy,
) -> Vec<u8> {
    let Entropy {
        data_key,
        wrap_nonce,
        nonce,
    } = entropy;
    let associated = place.associated_data();
    let mut wrapped = Zeroizing::new(*data_key);
    let wrap_tag = encrypt(master.bytes(), &wrap_nonce, &associated, &mut *wrapped);
    let mut sealed = Vec::with_capacity(HEADER + secret.len() + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(&wrap_nonce);
    sealed.extend_from_slice(&*wrapped);
    sealed.extend_from_slice(&wrap_tag);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(secret);
    let tag = encrypt(&data_key, &nonce, &associated, &mut sealed[HEADER..]);
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what was sealed for this place.
pub(super) fn unseal(
    master: &MasterKey,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
    let (&version, rest) = sealed.split_first().ok_or(UnsealError::Short)?;
    if version != VERSION {
        return Err(UnsealError::Version(version));
    }
    let (wrap_nonce, rest) = rest.split_first_chunk().ok_or(UnsealError::Short)?;
    let (data_key, rest) = rest.split_first_chunk().ok_or(UnsealError::Short)?;
    let (wrap_tag, rest) = rest.split_first_chunk().ok_or(UnsealError::Short)?;
    let (nonce, rest) = rest.split_first_chunk().ok_or(UnsealError::Short)?;
    let (secret, tag) = rest.split_last_chunk().ok_or(UnsealError::Short)?;
    let associated = place.associated_data();
    let mut data_key: Zeroizing<[u8; 32]> = Zeroizing::new(*data_key);
    decrypt(
        master.bytes(),
        wrap_nonce,
        &associated,
        &mut *data_key,
        wrap_tag,
    )?;
    let mut secret = Zeroizing::new(secret.to_vec());
    decrypt(&data_key, nonce, &associated, &mut secret, tag)?;
    Ok(secret)
}

/// A name for exactly this sealed secret: its header, with the wrapped key, and
/// its tag. Another seal of the same secret has another name.
pub(super) fn fingerprint(sealed: &[u8]) -> [u8; 32] {
    let header = &sealed[..sealed.len().min(HEADER)];
    let tag = &sealed[sealed.len().saturating_sub(TAG)..];
    Sha256::new_with_prefix(b"countersign-vault-sealed-v1\n")
        .chain_update(header)
        .chain_update(tag)
        .finalize()
        .into()
}

fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE], associated: &[u8], data: &mut [u8]) -> [u8; TAG] {
    Aes256Gcm::new(key.into())
        .encrypt_inout_detached(nonce.into(), associated, InOutBuf::from(data))
        .expect("AES-GCM takes up to 64 GiB")
        .into()
}

/// Leaves `data` as it is unless it authenticates.
fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    associated: &[u8],
    data: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), UnsealError> {
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(nonce.into(), associated, InOutBuf::from(data), tag.into())
        .map_err(|_| UnsealError::Forged)
}
