//! Folding account events.

use super::state::Registered;
use super::{Account, AccountEvent, AccountStatus};
use crate::ids::AccountId;
use crate::personal::Personal;

pub(super) fn evolve(account: &mut Account, event: &AccountEvent) {
    use AccountStatus::{Active, Closed, Locked, Recovering, Suspended};
    let Some(state) = account.registered.as_mut() else {
        if let AccountEvent::AccountRegistered {
            personal,
            auth_key,
            quorum,
        } = event
        {
            account.registered = Some(Registered {
                account: AccountId::of(&auth_key.thumbprint()),
                status: Active,
                auth_key: auth_key.clone(),
                quorum: *quorum,
                recovery: None,
                sealed: matches!(personal, Personal::Sealed(_)),
                erased: false,
            });
        }
        return;
    };
    // Different events lead to the same status, each from its own.
    let (fits, next) = match event {
        AccountEvent::AccountRegistered { .. }
        | AccountEvent::GuardiansAppointed { .. }
        | AccountEvent::RecoveryApproved { .. } => return,
        AccountEvent::AccountErased { .. } => {
            if state.status == Closed || state.status.may_become(Closed) {
                state.status = Closed;
                state.recovery = None;
                state.erased = true;
            }
            return;
        }
        AccountEvent::AuthKeyRotated { auth_key, .. } => {
            if state.status != Closed {
                state.auth_key = auth_key.clone();
            }
            return;
        }
        AccountEvent::AccountSuspended { .. } => (true, Suspended),
        AccountEvent::AccountReactivated { .. } => {
            (matches!(state.status, Suspended | Locked), Active)
        }
        AccountEvent::AccountLocked { .. } => (true, Locked),
        AccountEvent::AccountClosed { .. } => (true, Closed),
        AccountEvent::RecoveryStarted { .. } => (true, Recovering),
        AccountEvent::RecoveryCompleted {} => (state.status == Recovering, Active),
        // A suspended account that cancels its recovery is active again: who
        // can cancel holds the auth key.
        AccountEvent::RecoveryCancelled { .. } => {
            let before = match &state.recovery {
                Some((Locked, _)) => Locked,
                _ => Active,
            };
            (state.status == Recovering, before)
        }
    };
    if !fits || !state.status.may_become(next) {
        return;
    }
    // Whatever ends a recovery ends it for good: what is left of it must not
    // come back with a later event.
    let recovery = state.recovery.take();
    match event {
        AccountEvent::RecoveryStarted { auth_key, .. } => {
            state.recovery = Some((state.status, auth_key.clone()));
        }
        AccountEvent::RecoveryCompleted {} => {
            if let Some((_, auth_key)) = recovery {
                state.auth_key = auth_key;
            }
        }
        _ => {}
    }
    state.status = next;
}
