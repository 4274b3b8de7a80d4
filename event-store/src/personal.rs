//! Personal data: sealed under a key of each account's own, found by keyed hashes.
//!
//! The log keeps ciphertext only. The keys lie beside it, in a table that forgets: when
//! an account is erased its key goes, and what the log has of it is noise from then on,
//! in every copy. Neither key is ever shown by `Debug`, logged, or part of an error.

mod hash_key;
mod key;

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;
use countersign_domain::ids::AccountId;

pub use hash_key::{EMAIL, HashKey, USERNAME};
pub use key::{NONCE, OpenError, PersonalKey};

use crate::{Append, AppendError, LogError};

/// What an append does to the keys of personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonalChange {
    /// Keeps the key of the account that registers in it.
    Keep {
        /// The account.
        account: AccountId,
        /// Its key.
        key: PersonalKey,
    },
    /// Destroys the key of the account that is erased in it, and frees its names.
    Erase {
        /// The account.
        account: AccountId,
    },
}

impl PersonalChange {
    /// The account that it is about.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Keep { account, .. } | Self::Erase { account } => *account,
        }
    }
}

/// The keys beside a log, and what its names are found by.
#[async_trait]
pub trait PersonalKeys: Send + Sync + Debug {
    /// The keys of those accounts that have one.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    async fn personal_keys(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, PersonalKey>, LogError>;

    /// Who holds a reserved value.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    async fn holder(&self, scope: &str, value: &str) -> Result<Option<String>, LogError>;

    /// Sees to it that names are reserved under this key and no other: the first one
    /// is taken note of, and names that were reserved in clear before there was any are
    /// reserved under it.
    ///
    /// # Errors
    ///
    /// `OtherHashKey` when another was taken note of, or when the log fails.
    async fn adopt(&self, key: &HashKey) -> Result<(), LogError>;

    /// Checks that names are reserved under this key, as far as any are.
    ///
    /// # Errors
    ///
    /// As [`PersonalKeys::adopt`].
    async fn check(&self, key: &HashKey) -> Result<(), LogError>;
}

/// Refuses a sealed registration without its key, an erasure that leaves the key, and
/// the reverse of both.
pub(crate) fn check(append: &Append) -> Result<(), AppendError> {
    let mut found = append.streams.iter().flat_map(|stream| {
        let id = &stream.stream.aggregate_id;
        let events = stream.events.iter();
        events.filter_map(move |event| match event.event_type.as_str() {
            "AccountRegistered" if event.payload["personal"]["sealed"].is_string() => {
                Some((id, true))
            }
            "AccountErased" => Some((id, false)),
            _ => None,
        })
    });
    let fits = match (&append.personal, found.next()) {
        (None, None) => true,
        (Some(change), Some((id, keeps))) => {
            let same = **id == *change.account().to_string();
            same && keeps == matches!(change, PersonalChange::Keep { .. })
        }
        _ => false,
    };
    if fits && found.next().is_none() {
        Ok(())
    } else {
        Err(AppendError::Invalid(
            "a sealed registration comes with its key, and an erasure destroys it".to_owned(),
        ))
    }
}
