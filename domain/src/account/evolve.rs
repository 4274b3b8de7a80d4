//! Folding account events.

use super::state::Registered;
use super::{Account, AccountEvent, AccountStatus};

pub(super) fn evolve(account: &mut Account, event: &AccountEvent) {
    let Some(state) = account.registered.as_mut() else {
        if let AccountEvent::AccountRegistered {
            auth_key, quorum, ..
        } = event
        {
            account.registered = Some(Registered {
                status: AccountStatus::Active,
                auth_key: auth_key.clone(),
                quorum: *quorum,
                recovery: None,
            });
        }
        return;
    };
    let next = match event {
        AccountEvent::AccountRegistered { .. }
        | AccountEvent::GuardiansAppointed { .. }
        | AccountEvent::RecoveryApproved { .. } => return,
        AccountEvent::AccountSuspended { .. } => AccountStatus::Suspended,
        AccountEvent::AccountReactivated { .. } | AccountEvent::RecoveryCompleted {} => {
            AccountStatus::Active
        }
        AccountEvent::AccountLocked { .. } => AccountStatus::Locked,
        AccountEvent::AccountClosed { .. } => AccountStatus::Closed,
        AccountEvent::RecoveryStarted { .. } => AccountStatus::Recovering,
        AccountEvent::AuthKeyRotated { auth_key, .. } => {
            state.auth_key = auth_key.clone();
            return;
        }
        // A suspended account that cancels its recovery is active again: who
        // can cancel holds the auth key.
        AccountEvent::RecoveryCancelled { .. } => match &state.recovery {
            Some((AccountStatus::Locked, _)) => AccountStatus::Locked,
            _ => AccountStatus::Active,
        },
    };
    if !state.status.may_become(next) {
        return;
    }
    match event {
        AccountEvent::RecoveryStarted { auth_key, .. } => {
            state.recovery = Some((state.status, auth_key.clone()));
        }
        AccountEvent::RecoveryCompleted {} => {
            if let Some((_, auth_key)) = state.recovery.take() {
                state.auth_key = auth_key;
            }
        }
        AccountEvent::RecoveryCancelled { .. } => state.recovery = None,
        _ => {}
    }
    state.status = next;
}
