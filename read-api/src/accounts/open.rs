//! Personal data, opened for those who ask, while there is a key.

use std::sync::Arc;

use countersign_domain::ids::AccountId;
use countersign_event_store::LogError;
use countersign_event_store::personal::{EMAIL, USERNAME};
use countersign_projections::{AccountRow, AccountView};

use crate::api::ReadApi;

impl ReadApi {
    /// The accounts as they are shown. What is sealed and has no key stays without its
    /// names: its account is being erased, or the keys were lost.
    pub(crate) async fn open(
        &self,
        rows: &[Arc<AccountRow>],
    ) -> Result<Vec<AccountView>, LogError> {
        let sealed = rows.iter().filter(|row| row.sealed.is_some());
        let wanted: Vec<_> = sealed.map(|row| row.view.account_id).collect();
        let keys = self.personal.personal_keys(&wanted).await?;
        let open = |row: &Arc<AccountRow>| {
            let account = row.view.account_id;
            let data = match (&row.sealed, keys.get(&account)) {
                (Some(sealed), Some(key)) => key
                    .open(account, sealed)
                    .inspect_err(|error| tracing::error!(%error, %account, "an account"))
                    .ok(),
                _ => None,
            };
            row.opened(data)
        };
        Ok(rows.iter().map(open).collect())
    }

    /// The one account that holds all the names that are asked for; none when nobody
    /// does. `None` when no name is asked for.
    pub(crate) async fn named(
        &self,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<Option<Option<AccountId>>, LogError> {
        let mut found: Option<Option<AccountId>> = None;
        for (scope, name) in [(USERNAME, username), (EMAIL, email)] {
            let Some(name) = name else { continue };
            let value = self.hash_key.value(scope, name);
            let holder = self.personal.holder(scope, &value).await?;
            let holder = holder.and_then(|owner| owner.parse().ok());
            found = Some(match found {
                Some(before) if before != holder => None,
                _ => holder,
            });
        }
        Ok(found)
    }
}
