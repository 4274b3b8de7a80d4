//! From sealed bytes to a session, or to a refusal that says why.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_domain::session::SessionInvitation;
use countersign_messaging::Payload;
use countersign_messaging::invitation::SealError;
use tokio::sync::OwnedSemaphorePermit;

use super::context::Context;
use super::coordinator::tell;
use super::pool::Lane;
use super::refusal::Refusal;
use super::registry::Registered;
use super::session;
use super::verify::{Accepted, verify};

/// How long a refusal is told to a coordinator that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why an invitation cannot even be refused.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("it is no invitation")]
    Json(#[from] serde_json::Error),
}

enum Opened {
    Accepted(Box<Accepted>),
    Refused(SessionId, u32, Refusal),
}

/// Opens an invitation, and takes part in its session or refuses it. The permit is
/// held until one of the two is settled.
pub(super) async fn admit(context: Arc<Context>, payload: Payload, permit: OwnedSemaphorePermit) {
    let opener = Arc::clone(&context);
    let opened = context
        .pool
        .run(Lane::Sign, move || open(&opener, &payload))
        .await;
    match opened {
        Ok(Ok(Opened::Accepted(accepted))) => {
            let session = accepted.session;
            match context.registry.register(accepted) {
                Registered::New(registration) => {
                    context.stats.invitations_accepted.increment();
                    drop(permit);
                    session::run(context, registration).await;
                }
                Registered::Known => {}
                Registered::Full => {
                    context.stats.invitations_dropped.increment();
                    tracing::warn!(%session, "invitation dropped: too many sessions");
                }
            }
        }
        Ok(Ok(Opened::Refused(session, attempt, refusal))) => {
            refuse(&context, session, attempt, refusal).await;
        }
        Ok(Err(error)) => {
            context.stats.invitations_dropped.increment();
            tracing::warn!(%error, "invitation dropped");
        }
        Err(error) => tracing::error!(%error, "invitation dropped"),
    }
}

fn open(context: &Context, payload: &[u8]) -> Result<Opened, Unreadable> {
    let json = context.invitations.open(payload)?;
    let invitation: SessionInvitation = serde_json::from_slice(&json)?;
    let (session, attempt) = (invitation.session.session, invitation.attempt);
    Ok(match verify(context, invitation) {
        Ok(accepted) => Opened::Accepted(Box::new(accepted)),
        Err(refusal) => Opened::Refused(session, attempt, refusal),
    })
}

async fn refuse(context: &Context, session: SessionId, attempt: u32, refusal: Refusal) {
    context.stats.invitations_refused.increment();
    // Anybody can seal something to this party: a session that it is in already
    // is not given up because of a bad copy of its invitation.
    if context.registry.get(session).is_some() {
        tracing::warn!(%session, %refusal, "a second invitation was ignored");
        return;
    }
    tracing::warn!(%session, attempt, %refusal, "invitation refused");
    let report = refusal.into_report(&context.party);
    tokio::select! {
        _ = tell(context, session, attempt, report.into()) => {}
        () = tokio::time::sleep(PATIENCE) => {}
        () = context.stop.drain.cancelled() => {}
    }
}
