//! Channels: one HPKE context for many messages to one party.
//!
//! To encapsulate and to decapsulate a key costs as much as sealing a hundred
//! kilobytes. So whoever talks to a party often makes one context (RFC 9180, mode
//! base, export only, with DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256), exports an
//! AES-256-GCM key from it (section 5.3), and counts the nonces. What opens the
//! channel, the encapsulated key and whatever vouches for it, goes with every
//! message: they may come in any order, and to a receiver that has just started.
//!
//! On the wire: opening, counter (8 bytes, big-endian), ciphertext, tag (16 bytes).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _, Nonce, Tag};
use zeroize::Zeroizing;

const COUNTER: usize = 8;
const TAG: usize = 16;

/// Bytes that are added to a message, besides the opening.
pub(crate) const OVERHEAD: usize = COUNTER + TAG;

/// How long a sender uses a channel. It bounds what its memory, read by somebody who
/// should not, gives away of what was sealed before.
const LIFETIME: Duration = Duration::from_mins(10);

/// How many messages a sender seals in a channel: far below what AES-GCM bears with
/// nonces that are counted (NIST SP 800-38D, 8.3).
const MESSAGES: u64 = 1 << 32;

/// The sending end.
pub(crate) struct Sealer {
    opening: Box<[u8]>,
    cipher: Aes256Gcm,
    sealed: AtomicU64,
    since: Instant,
}

impl Sealer {
    pub(crate) fn new(opening: impl Into<Box<[u8]>>, key: &[u8; 32]) -> Self {
        Self {
            opening: opening.into(),
            cipher: Aes256Gcm::new(key.into()),
            sealed: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    fn is_worn(&self) -> bool {
        self.since.elapsed() >= LIFETIME || self.sealed.load(Ordering::Relaxed) >= MESSAGES
    }

    /// Appends the sealed plaintext to `out`, which has room for it already when the
    /// plaintext should leave no copy behind.
    pub(crate) fn seal_onto(&self, out: &mut Zeroizing<Vec<u8>>, aad: &[u8], plaintext: &[u8]) {
        let counter = self.sealed.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        out.extend_from_slice(&self.opening);
        out.extend_from_slice(&counter);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce(counter), aad, InOutBuf::from(&mut out[start..]))
            .expect("messages are far below the limit of the cipher");
        out.extend_from_slice(&tag);
    }
}

/// The receiving end, once whoever opened it was found good.
pub(crate) struct Opener {
    opening: Box<[u8]>,
    cipher: Aes256Gcm,
}

impl Opener {
    pub(crate) fn new(opening: impl Into<Box<[u8]>>, key: &[u8; 32]) -> Self {
        Self {
            opening: opening.into(),
            cipher: Aes256Gcm::new(key.into()),
        }
    }

    /// Opens what [`Sealer::seal_onto`] appended after the opening; none if it was
    /// not sealed in this channel and with this `aad`.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&counter, rest) = sealed.split_first_chunk::<COUNTER>()?;
        let (ciphertext, &tag) = rest.split_last_chunk::<TAG>()?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let buffer = InOutBuf::from(&mut plaintext[..]);
        self.cipher
            .decrypt_inout_detached(&nonce(counter), aad, buffer, &Tag::from(tag))
            .ok()?;
        Some(plaintext)
    }
}

/// 96 bits (NIST SP 800-38D, 8.2.1: deterministic): zeros, then the counter.
fn nonce(counter: [u8; COUNTER]) -> Nonce<U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter);
    nonce.into()
}

/// The channels of one sender, by receiver.
pub(crate) struct Sealers<K>(Mutex<HashMap<K, Arc<Sealer>>>);

impl<K: Eq + Hash> Sealers<K> {
    /// The channel to a receiver, made by `make` where there is none, or only one that
    /// has served long enough.
    pub(crate) fn get<E>(
        &self,
        receiver: K,
        make: impl FnOnce() -> Result<Sealer, E>,
    ) -> Result<Arc<Sealer>, E> {
        let known = lock(&self.0).get(&receiver).cloned();
        if let Some(sealer) = known.filter(|sealer| !sealer.is_worn()) {
            return Ok(sealer);
        }
        // Two at once may each make one: both serve, one of them is kept.
        let sealer = Arc::new(make()?);
        let mut known = lock(&self.0);
        known.retain(|_, sealer| !sealer.is_worn());
        known.insert(receiver, Arc::clone(&sealer));
        Ok(sealer)
    }
}

impl<K> Default for Sealers<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// The channels of one receiver: of each sender the newest few, so that no sender
/// takes another's place.
pub(crate) struct Openers<K> {
    most: usize,
    known: Mutex<HashMap<K, VecDeque<Arc<Opener>>>>,
}

impl<K: Eq + Hash> Openers<K> {
    /// Keeps up to `most` of each sender.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            known: Mutex::default(),
        }
    }

    /// The channel that a sender opened so, made by `make` where it is not known.
    pub(crate) fn get<E>(
        &self,
        sender: K,
        opening: &[u8],
        make: impl FnOnce() -> Result<Opener, E>,
    ) -> Result<Arc<Opener>, E> {
        let is_it = |opener: &&Arc<Opener>| *opener.opening == *opening;
        let known = lock(&self.known)
            .get(&sender)
            .and_then(|of_sender| of_sender.iter().find(is_it).cloned());
        if let Some(opener) = known {
            return Ok(opener);
        }
        let opener = Arc::new(make()?);
        let mut known = lock(&self.known);
        let of_sender = known.entry(sender).or_default();
        of_sender.truncate(self.most - 1);
        of_sender.push_front(Arc::clone(&opener));
        Ok(opener)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single insertion.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
