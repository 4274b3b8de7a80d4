//! What a party must never lose and never say twice: its identity, its shares,
//! and the sessions it has begun. One file per party, an embedded `redb`
//! database.
//!
//! Invariants:
//!
//! - **Nothing secret is in the file in the clear.** Every share has a random
//!   data key of its own that encrypts it with AES-256-GCM (NIST SP 800-38D);
//!   the data key is wrapped by the [`MasterKey`] the same way. Both layers are
//!   bound to party, key, epoch and kind, so a share cannot be moved to another
//!   place. The [`ShareRecord`] is inside: nobody who can write the file can
//!   change whose intents the share obeys.
//! - **Round state is single-use.** [`Vault::begin_attempt`] is durable when it
//!   returns, and an attempt that was begun cannot be begun again, also after a
//!   crash; a session that was begun for one digest never gets a second one.
//! - **Edits are noticed.** Every row carries an HMAC under a key that only the
//!   holder of the master key can unseal, and counters that only grow, kept in
//!   one authenticated place, account for every row: a row that was changed,
//!   removed or put back to what it once was is found when the vault is opened.
//! - **Damage is an error, never a panic and never other data.** The checksum of
//!   every page is verified at every open, and a commit that has been answered is
//!   not rolled back silently to get past a damaged page.
//!
//! Out of reach for a file: somebody who puts back an older copy of the *whole*
//! file takes the vault back to that day, sessions begun since included. (The file
//! of a killed party also holds its last commit but one, and a bit of the header
//! that says which counts.) Keep copies of a vault as carefully as the vault, and
//! restore one only if the file is lost.
//!
//! The functions block (on the disk, and on the cipher): an async caller runs
//! them on its blocking threads, from as many of them as it likes, or uses the
//! async form of those that every signature needs. Writes that are waiting at the
//! same time share one commit.

mod change;
mod create;
mod error;
mod file;
mod inner;
mod key_check;
mod master_key;
mod open;
mod payload;
mod record;
mod rows;
mod sealed;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_domain::bytes::Digest;
use countersign_domain::ids::{KeyId, PartyId, SessionId};
use zeroize::Zeroizing;

pub use error::{BeginError, VaultError};
pub use master_key::{MasterKey, MasterKeyError};
pub use record::{ShareRecord, StoredShare};

use change::{Change, Verdict};
use inner::Inner;

use writer::Writer;

/// A party's open vault. The file stays locked until this is dropped.
pub struct Vault {
    inner: Arc<Inner>,
    writer: Writer,
    in_work: Arc<AtomicUsize>,
}

/// A session that will change the vault; see [`Vault::session`].
pub struct InWork(Arc<AtomicUsize>);

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for InWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InWork")
    }
}

impl Vault {
    /// Opens the vault of `party` at `path`, and creates it (readable by its owner
    /// alone, with a fresh identity) where there is no file yet.
    ///
    /// Reads the whole file once, to check it.
    ///
    /// # Errors
    /// [`VaultError`]: not this party's, another master key, damaged, written by a
    /// newer version, in use by another process, or not accessible.
    pub fn open(path: &Path, party: &PartyId, master: &MasterKey) -> Result<Self, VaultError> {
        create::unless_present(path, party, master)?;
        let inner = Arc::new(open::open(path, party, master)?);
        let in_work = Arc::default();
        let writer = Writer::start(&inner, &in_work)?;
        Ok(Self {
            inner,
            writer,
            in_work,
        })
    }

    /// Says that a session is in work, as long as the answer is kept. Where there
    /// are several, a change waits some milliseconds for those of the others, so
    /// that one flush serves them all; a session alone never waits.
    #[must_use]
    pub fn session(&self) -> InWork {
        self.in_work.fetch_add(1, Ordering::Relaxed);
        InWork(Arc::clone(&self.in_work))
    }

    /// The 64 bytes that the party's identity keys are made from; fixed for the
    /// life of the vault.
    #[must_use]
    pub fn identity_seed(&self) -> &Zeroizing<[u8; 64]> {
        &self.inner.identity_seed
    }

    /// Stores a share with its record; durable when it returns. Storing the very
    /// same again changes nothing.
    ///
    /// # Errors
    /// [`VaultError::ShareExists`] if there is another share, or another record,
    /// for this key and epoch; else as for any access to the file.
    pub fn put_share(&self, record: &ShareRecord, share: &[u8]) -> Result<(), VaultError> {
        let payload = payload::encode(record, share);
        let sealed = self.inner.seal_share(record.key, record.epoch, &payload)?;
        self.change(Change::Put {
            key: record.key,
            epoch: record.epoch,
            session: record.session,
            payload,
            sealed,
        })
    }

    /// Keeps the receipt that this party signed for a share, in place of an
    /// earlier one; durable when it returns.
    ///
    /// # Errors
    /// [`VaultError::NoShare`] if there is no such share; else as for any access
    /// to the file.
    pub fn set_receipt(&self, key: KeyId, epoch: u32, receipt: &str) -> Result<(), VaultError> {
        self.change(Change::SetReceipt {
            key,
            epoch,
            receipt: receipt.to_owned(),
        })
    }

    /// The share of a key and epoch, with its record.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if what is stored does not authenticate; else as for
    /// any access to the file.
    pub fn share(&self, key: KeyId, epoch: u32) -> Result<Option<StoredShare>, VaultError> {
        self.inner.share(key, epoch)
    }

    /// The record of the share that a session made, so that a party which is asked
    /// again can answer with the same receipt.
    ///
    /// # Errors
    /// As [`Vault::share`].
    pub fn share_of_session(&self, session: SessionId) -> Result<Option<ShareRecord>, VaultError> {
        let place = self.inner.place_of_session(session)?;
        let found = match place {
            Some((key, epoch)) => self.inner.share(key, epoch)?,
            None => None,
        };
        Ok(found.map(|(record, _)| record))
    }

    /// Every key and epoch that a share is stored for, in order.
    ///
    /// # Errors
    /// As for any access to the file.
    pub fn keys(&self) -> Result<Vec<(KeyId, u32)>, VaultError> {
        self.inner.keys()
    }

    /// Drops the share of a key generation that did not end well; durable when it
    /// returns. No share there is no error.
    ///
    /// # Errors
    /// As for any access to the file.
    pub fn discard_share(&self, key: KeyId, epoch: u32) -> Result<(), VaultError> {
        self.change(Change::Discard { key, epoch })
    }

    /// Marks an attempt of a session as begun, for this digest and no other;
    /// durable when it returns. To be called before the first byte of round 1
    /// leaves the party.
    ///
    /// `binding` is a hash over everything else that the attempt is for (kind, key,
    /// signers …). It is kept with the attempt.
    ///
    /// # Errors
    /// [`BeginError::OtherDigest`] if the session was ever begun for another
    /// digest; [`BeginError::Finished`] if it has its result;
    /// [`BeginError::AlreadyBegun`] if this attempt or a later one was begun;
    /// [`BeginError::Vault`] as for any access to the file. After any of them,
    /// nothing may be sent.
    pub fn begin_attempt(
        &self,
        session: SessionId,
        attempt: u32,
        digest: Digest,
        binding: Digest,
    ) -> Result<(), BeginError> {
        let change = Change::Begin {
            session,
            attempt,
            digest,
            binding,
        };
        begun(self.writer.submit(change).wait()?, session, attempt)
    }

    /// [`Vault::begin_attempt`] for an async caller: it takes no thread to wait.
    ///
    /// # Errors
    /// As [`Vault::begin_attempt`].
    pub async fn begin_attempt_async(
        &self,
        session: SessionId,
        attempt: u32,
        digest: Digest,
        binding: Digest,
    ) -> Result<(), BeginError> {
        let change = Change::Begin {
            session,
            attempt,
            digest,
            binding,
        };
        begun(self.writer.submit(change).done().await?, session, attempt)
    }

    /// Keeps the public result of a session (a signature, as JSON); durable when it
    /// returns. The same result again changes nothing.
    ///
    /// # Errors
    /// [`VaultError::NotBegun`] for a session without an attempt;
    /// [`VaultError::OtherResult`] if another result is stored, which stays: use
    /// [`Vault::finished`]; else as for any access to the file.
    pub fn finish(&self, session: SessionId, result: &[u8]) -> Result<(), VaultError> {
        self.change(Change::Finish {
            session,
            result: result.to_vec(),
        })
    }

    /// [`Vault::finish`] for an async caller: it takes no thread to wait.
    ///
    /// # Errors
    /// As [`Vault::finish`].
    pub async fn finish_async(&self, session: SessionId, result: &[u8]) -> Result<(), VaultError> {
        let change = Change::Finish {
            session,
            result: result.to_vec(),
        };
        self.writer.submit(change).done().await.map(|_| ())
    }

    /// The result of a session, if it has one.
    ///
    /// # Errors
    /// As for any access to the file.
    pub fn finished(&self, session: SessionId) -> Result<Option<Vec<u8>>, VaultError> {
        self.inner.finished(session)
    }

    /// Submits a change that has no verdict but success.
    fn change(&self, change: Change) -> Result<(), VaultError> {
        self.writer.submit(change).wait().map(|_| ())
    }
}

fn begun(verdict: Verdict, session: SessionId, attempt: u32) -> Result<(), BeginError> {
    match verdict {
        Verdict::Done => Ok(()),
        Verdict::AlreadyBegun => Err(BeginError::AlreadyBegun { session, attempt }),
        Verdict::OtherDigest => Err(BeginError::OtherDigest { session }),
        Verdict::Finished => Err(BeginError::Finished { session }),
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("path", &self.inner.path)
            .field("party", &self.inner.party)
            .finish_non_exhaustive()
    }
}
