//! The worker's loop: what arrives goes to the session it is for. Nothing here
//! waits for a session, so none can hold up the others.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use countersign_messaging::{Message, Subscription, subject};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::Context;
use super::error::WorkerError;
use super::{events, heartbeat, invitation};

/// How long abandoned sessions have to say so.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until `stop` is cancelled and what runs has ended or was given up. After
/// that nothing of this worker is left: its vault may be opened again.
pub(super) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), WorkerError> {
    let mut helpers = JoinSet::new();
    let served = serve(context, stop, &mut helpers).await;
    helpers.shutdown().await;
    served
}

async fn serve(
    context: Arc<Context>,
    stop: CancellationToken,
    helpers: &mut JoinSet<()>,
) -> Result<(), WorkerError> {
    // Frames and events first: from the first invitation on, none may be missed.
    let mut frames = subscribe(&context, subject::mpc_all_of(&context.party)).await?;
    let mut followed = follow(&context).await?;
    let observing = Arc::clone(&context);
    helpers.spawn(async move {
        let mut seen = events::Seen::default();
        while let Some(message) = followed.next().await {
            events::observe(&observing, &mut seen, &message);
        }
    });
    let mut invitations = subscribe(&context, subject::invite(&context.party)).await?;
    let beating = Arc::clone(&context);
    helpers.spawn(async move { heartbeat::beat(&beating).await });

    let admissions = Arc::new(Semaphore::new(context.limits.admissions));
    let sessions = TaskTracker::new();
    // Dropped with this future, so that no session outlives its worker.
    let _abandon = context.stop.abandon.clone().drop_guard();
    let mut give_up_at = Instant::now();
    let mut draining = false;
    loop {
        let abandoned = context.stop.abandon.is_cancelled();
        tokio::select! {
            frame = frames.next() => match frame {
                Some(frame) => route(&context, frame),
                None => return Err(WorkerError::BusClosed),
            },
            invited = invitations.next(), if !draining => match invited {
                Some(invited) => match Arc::clone(&admissions).try_acquire_owned() {
                    Ok(permit) => {
                        let context = Arc::clone(&context);
                        sessions.spawn(invitation::admit(context, invited.payload, permit));
                    }
                    Err(_) => context.stats.invitations_dropped.increment(),
                },
                None => return Err(WorkerError::BusClosed),
            },
            () = stop.cancelled(), if !draining => {
                draining = true;
                sessions.close();
                context.stop.drain.cancel();
                give_up_at = Instant::now() + context.limits.drain;
            }
            () = sessions.wait(), if draining => return Ok(()),
            () = tokio::time::sleep_until(give_up_at), if draining => {
                if abandoned {
                    tracing::warn!(sessions = sessions.len(), "sessions are left behind");
                    return Ok(());
                }
                context.stop.abandon.cancel();
                give_up_at = Instant::now() + FAREWELL;
            }
        }
    }
}

async fn subscribe(context: &Context, subject: String) -> Result<Subscription, WorkerError> {
    match context.bus.subscribe(&subject).await {
        Ok(subscription) => Ok(subscription),
        Err(source) => Err(WorkerError::Subscribe { subject, source }),
    }
}

/// The session events that a party needs, also those that came while it was away.
async fn follow(context: &Context) -> Result<Subscription, WorkerError> {
    let name = format!("party-{}", context.party);
    match context.feed.follow(&name, &events::subjects()).await {
        Ok(followed) => Ok(followed),
        Err(source) => Err(WorkerError::Follow { source }),
    }
}

/// Puts a frame into its session's inbox, by its subject. Whether it is what the
/// subject says is for the session to verify.
fn route(context: &Context, message: Message) {
    let kept = address(&message.subject).is_some_and(|(session, attempt)| {
        context.registry.frame(session, attempt, message.payload)
    });
    if !kept {
        context.stats.frames_dropped.increment();
    }
}

/// Session and attempt of `cs.v1.mpc.<session>.<attempt>.<party>`.
fn address(subject: &str) -> Option<(SessionId, u32)> {
    let mut tokens = subject.split('.').skip(3);
    let session = tokens.next()?.parse().ok()?;
    let attempt = tokens.next()?.parse().ok()?;
    Some((session, attempt))
}
