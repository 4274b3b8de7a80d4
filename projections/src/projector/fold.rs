//! A run of events folded into one batch.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_event_store::{DecodeError, Decoded, Decoder, Envelope};

use crate::{
    AccountRow, Batch, Change, KeyRow, SessionRow, SkippedEvent, Store, StoreError, accounts, keys,
    sessions,
};

/// The rows that a batch has touched so far.
pub(super) struct Fold<'a> {
    store: &'a dyn Store,
    decoder: &'a Decoder,
    accounts: HashMap<AccountId, AccountRow>,
    keys: HashMap<KeyId, KeyRow>,
    sessions: HashMap<SessionId, SessionRow>,
    skipped: Vec<SkippedEvent>,
    /// Positions before the first event and of the last.
    span: Option<(u64, u64)>,
}

impl<'a> Fold<'a> {
    pub(super) fn new(store: &'a dyn Store, decoder: &'a Decoder) -> Self {
        Self {
            store,
            decoder,
            accounts: HashMap::new(),
            keys: HashMap::new(),
            sessions: HashMap::new(),
            skipped: vec![],
            span: None,
        }
    }

    /// Takes the next event.
    pub(super) async fn take(&mut self, envelope: &Envelope) -> Result<(), StoreError> {
        match self.decoder.decode(envelope) {
            Ok(Decoded::Account(id, event)) => {
                let current = match self.accounts.remove(&id) {
                    Some(row) => Some(row),
                    None => self.store.account(id).await?.map(Arc::unwrap_or_clone),
                };
                let row = accounts::apply(current, id, envelope, &event);
                self.accounts.extend(row.map(|row| (id, row)));
            }
            Ok(Decoded::Key(id, event)) => {
                let current = match self.keys.remove(&id) {
                    Some(row) => Some(row),
                    None => self.store.key(id).await?.map(Arc::unwrap_or_clone),
                };
                let row = keys::apply(current, id, envelope, &event);
                self.keys.extend(row.map(|row| (id, row)));
            }
            Ok(Decoded::Session(id, event)) => {
                let current = match self.sessions.remove(&id) {
                    Some(row) => Some(row),
                    None => self.store.session(id).await?.map(Arc::unwrap_or_clone),
                };
                let row = sessions::apply(current, id, envelope, &event);
                self.sessions.extend(row.map(|row| (id, row)));
            }
            Ok(Decoded::Other) => {}
            Err(error) => self.skip(envelope, &error),
        }
        let position = envelope.position;
        let (after, _) = self.span.unwrap_or((position - 1, position));
        self.span = Some((after, position));
        Ok(())
    }

    fn skip(&mut self, envelope: &Envelope, error: &DecodeError) {
        tracing::error!(
            %error,
            position = envelope.position,
            stream = %envelope.stream,
            event_type = envelope.event_type,
            event_version = envelope.event_version,
            "an event is missing from the read models"
        );
        self.skipped.push(SkippedEvent {
            position: envelope.position,
            stream: envelope.stream.clone(),
            event_type: envelope.event_type.clone(),
            event_version: envelope.event_version,
            recorded_at: envelope.recorded_at,
            reason: error.to_string(),
        });
    }

    pub(super) fn finish(self) -> Batch {
        let accounts = self.accounts.into_values().map(Box::new);
        let keys = self.keys.into_values().map(Box::new);
        let sessions = self.sessions.into_values().map(Box::new);
        let (after, checkpoint) = self.span.unwrap_or_default();
        Batch {
            after,
            changes: accounts
                .map(Change::UpsertAccount)
                .chain(keys.map(Change::UpsertKey))
                .chain(sessions.map(Change::UpsertSession))
                .collect(),
            skipped: self.skipped,
            checkpoint,
        }
    }
}
