//! What a party tells the coordinator, again and again until it is answered.

use std::time::Duration;

use countersign_domain::ids::{PartyId, SessionId};
use countersign_messaging::party_command::{
    AbortReason, DeviceInfo, PartyAction, PartyCommand, PartyReply,
};
use countersign_messaging::{Payload, subject};

use super::context::Context;

/// The coordinator's last word on a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is in the log.
    Accepted,
    /// It is not and will not be.
    Refused,
}

/// Why an attempt is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub(super) reason: AbortReason,
    /// Whom this party blames.
    pub(super) culprits: Vec<PartyId>,
    pub(super) detail: String,
}

impl GivenUp {
    pub(super) fn new(
        reason: AbortReason,
        culprits: Vec<PartyId>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            culprits,
            detail: detail.into(),
        }
    }
}

impl From<GivenUp> for PartyAction {
    fn from(given_up: GivenUp) -> Self {
        Self::Abort {
            reason: given_up.reason,
            culprits: given_up.culprits,
            detail: given_up.detail,
        }
    }
}

/// How this software names itself when it joins.
pub(super) fn join(token: &[u8; 32]) -> PartyAction {
    PartyAction::Join {
        token: hex::encode(token),
        device: DeviceInfo {
            name: "countersign".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        ready: true,
    }
}

/// Sends a command until the coordinator has answered for good. Every command
/// may be repeated: a lost answer does no harm. Whoever calls this bounds it.
pub(super) async fn tell(
    context: &Context,
    session: SessionId,
    attempt: u32,
    action: PartyAction,
) -> Answer {
    let payload = signed(context, session, attempt, action);
    let mut pause = context.limits.backoff;
    loop {
        match once(context, payload.clone(), context.limits.request_timeout).await {
            Some(PartyReply::Accepted { .. }) => return Answer::Accepted,
            Some(PartyReply::Refused {
                code,
                detail,
                retry: false,
            }) => {
                tracing::warn!(%session, attempt, code, detail, "the coordinator refused");
                return Answer::Refused;
            }
            Some(PartyReply::Refused { code, .. }) => {
                tracing::debug!(%session, attempt, code, "the coordinator refused for now");
            }
            None => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(context.limits.backoff_max);
    }
}

/// Sends a command once and does not wait for long: for a worker that stops.
pub(super) async fn tell_once(
    context: &Context,
    session: SessionId,
    attempt: u32,
    action: PartyAction,
) {
    let payload = signed(context, session, attempt, action);
    once(context, payload, Duration::from_millis(500)).await;
}

fn signed(context: &Context, session: SessionId, attempt: u32, action: PartyAction) -> Payload {
    let command = PartyCommand {
        session,
        attempt,
        action,
    };
    command.sign(&context.party, &context.keys).into()
}

async fn once(context: &Context, payload: Payload, timeout: Duration) -> Option<PartyReply> {
    let subject = subject::session_commands();
    match context.bus.request(&subject, payload, timeout).await {
        Ok(reply) => PartyReply::from_slice(&reply)
            .inspect_err(|error| tracing::warn!(%error, "the coordinator's answer is no answer"))
            .ok(),
        Err(error) => {
            tracing::debug!(%error, "the coordinator did not answer");
            None
        }
    }
}
