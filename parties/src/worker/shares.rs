//! Shares that sessions of this party are using.
//!
//! Unsealing a share costs as much as half a signature's messages. Sessions of one
//! key that run at the same time use one copy of it; with the last of them it is
//! wiped. So a share is never in memory for longer than it is needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_domain::auth_key::AuthKey;
use countersign_domain::ids::KeyId;

use super::refusal::Refusal;
use crate::engine::SecretShare;
use crate::vault::{ShareRecord, Vault};

/// A share, out of the vault.
pub(super) struct Unsealed {
    pub(super) record: ShareRecord,
    /// The account's auth key that was pinned with it.
    pub(super) auth_key: AuthKey,
    pub(super) share: SecretShare,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Shares(Mutex<HashMap<(KeyId, u32), Weak<Unsealed>>>);

impl Shares {
    /// The share of a key and epoch, which can sign: its receipt is signed.
    pub(super) fn get(
        &self,
        vault: &Vault,
        key: KeyId,
        epoch: u32,
    ) -> Result<Arc<Unsealed>, Refusal> {
        let used = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = used().get(&(key, epoch)).and_then(Weak::upgrade) {
            return Ok(share);
        }
        let (record, share) = vault
            .share(key, epoch)
            .map_err(Refusal::Vault)?
            .ok_or(Refusal::NoShare { key, epoch })?;
        // A share without a receipt is of a key generation that was cut short, and
        // may still be discarded. One with a receipt stays as it is.
        if record.receipt.is_none() {
            return Err(Refusal::NotOfShare("key"));
        }
        let auth_key =
            serde_json::from_value(record.auth_key.clone()).map_err(|_| Refusal::Share)?;
        let unsealed = Arc::new(Unsealed {
            record,
            auth_key,
            share: SecretShare::from_encoded(share),
        });
        let mut used = used();
        used.retain(|_, share| share.strong_count() > 0);
        used.insert((key, epoch), Arc::downgrade(&unsealed));
        Ok(unsealed)
    }
}

#[cfg(test)]
mod tests;
