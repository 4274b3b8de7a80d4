//! Folding key events.

use super::state::{Requested, pair};
use super::{Key, KeyEvent, KeyStatus, PublicPart};

pub(super) fn evolve(key: &mut Key, event: &KeyEvent) {
    let Some(state) = key.requested.as_mut() else {
        if let KeyEvent::KeyRequested { facts, .. } = event {
            key.requested = Some(Requested {
                facts: facts.clone(),
                status: KeyStatus::Requested,
                epoch: 1,
                public: None,
                banned: Default::default(),
            });
        }
        return;
    };
    let next = match event {
        KeyEvent::KeyRequested { .. } => return,
        KeyEvent::SharesRefreshed { epoch, .. } => {
            // A key that has no shares yet, or none any more, refreshes none.
            if matches!(state.status, KeyStatus::Active | KeyStatus::Frozen) {
                state.epoch = (*epoch).max(state.epoch);
            }
            return;
        }
        KeyEvent::PairBanned { reporter, culprit } => {
            state.banned.insert(pair(reporter, culprit));
            return;
        }
        KeyEvent::KeyActivated { .. } | KeyEvent::KeyUnfrozen { .. } => KeyStatus::Active,
        KeyEvent::KeyFrozen { .. } => KeyStatus::Frozen,
        KeyEvent::KeyRetired { .. } => KeyStatus::Retired,
    };
    // Activation and unfreezing lead to the same status from different ones.
    let from = match event {
        KeyEvent::KeyActivated { .. } => KeyStatus::Requested,
        KeyEvent::KeyUnfrozen { .. } => KeyStatus::Frozen,
        _ => state.status,
    };
    if state.status != from || !from.may_become(next) {
        return;
    }
    if let KeyEvent::KeyActivated {
        public_key,
        chain_code,
        ..
    } = event
    {
        state.public = Some(PublicPart {
            public_key: *public_key,
            chain_code: *chain_code,
        });
    }
    state.status = next;
}
