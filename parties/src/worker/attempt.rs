//! One attempt of a session at this party, from the start to the last report.

mod keygen;
mod sign;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_domain::bytes::Digest;
use countersign_domain::path::DerivationPath;
use countersign_domain::roster::Member;
use countersign_messaging::party_command::{AbortReason, PartyAction};
use tokio::time::Instant;

use super::ceremony_id::Ceremony;
use super::context::Context;
use super::coordinator::{Answer, GivenUp, tell, tell_once};
use super::drive::{Course, Drive, Stop};
use super::inbox::{Inbox, Start};
use super::pool::Lane;
use super::post::Post;
use super::progress::Watch;
use super::refusal::Refusal;
use super::verify::{Accepted, Work};
use crate::engine::{Engine, PartyIndex};
use crate::metrics;
use crate::vault::{BeginError, Vault};

/// An attempt that may begin.
struct Attempt<'a> {
    context: &'a Arc<Context>,
    accepted: &'a Arc<Accepted>,
    inbox: &'a Inbox,
    number: u32,
    /// By index, this party among them.
    signers: Vec<Member>,
    engine: Arc<dyn Engine>,
    /// When this party forgets the session.
    deadline: Instant,
}

/// Takes part in an attempt until it is over.
pub(super) async fn run(
    context: &Arc<Context>,
    accepted: &Arc<Accepted>,
    inbox: &Inbox,
    start: Start,
    deadline: Instant,
) {
    let number = start.attempt;
    let session = accepted.session;
    let over = match take_part(context, accepted, inbox, start, deadline).await {
        Ok(()) | Err(Stop::Over) => return,
        Err(Stop::GivenUp(given_up)) => given_up,
        Err(Stop::Abandoned) => {
            let leaving = leaving(context);
            return tell_once(context, session, number, leaving).await;
        }
    };
    context.stats.attempts_aborted.increment();
    tracing::warn!(
        %session,
        attempt = number,
        reason = ?over.reason,
        culprits = ?over.culprits,
        detail = over.detail,
        "attempt given up"
    );
    tokio::select! {
        _ = tell(context, session, number, over.into()) => {}
        () = until_over(inbox, number) => {}
        () = tokio::time::sleep_until(deadline) => {}
        () = context.stop.abandon.cancelled() => {}
    }
}

/// What a party says that stops before its time.
pub(super) fn leaving(context: &Context) -> PartyAction {
    let me = vec![context.party.clone()];
    GivenUp::new(AbortReason::Engine, me, "this party shuts down").into()
}

async fn until_over(inbox: &Inbox, attempt: u32) {
    while !inbox.is_over(attempt) {
        inbox.news().await;
    }
}

async fn take_part(
    context: &Arc<Context>,
    accepted: &Arc<Accepted>,
    inbox: &Inbox,
    start: Start,
    deadline: Instant,
) -> Result<(), Stop> {
    let refused = |refusal: Refusal| Stop::GivenUp(refusal.into_report(&context.party));
    if !start.signers.contains(&context.party) {
        // Not asked: another takes this party's place.
        return Err(Stop::Over);
    }
    let signers = accepted.signers(&start).map_err(refused)?;
    let engine = context
        .engines
        .get(&accepted.engine)
        .ok_or_else(|| refused(Refusal::Engine(accepted.engine)))?;
    let attempt = Attempt {
        context,
        accepted,
        inbox,
        number: start.attempt,
        signers,
        engine: Arc::clone(engine),
        deadline,
    };
    let _permit = attempt.permit().await?;
    let _running = Running::new(context);
    match &accepted.work {
        Work::Sign {
            path,
            public_key,
            digest,
            ..
        } => sign::run(&attempt, path, *public_key, *digest).await,
        Work::Keygen {
            intent, auth_key, ..
        } => keygen::run(&attempt, *intent, auth_key).await,
    }
}

impl<'a> Attempt<'a> {
    /// Waits for its turn among the ceremonies of this worker, no longer than the
    /// peers wait.
    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'a>, Stop> {
        tokio::select! {
            permit = self.context.ceremonies.acquire() => {
                permit.map_err(|_| self.failed("the worker stops"))
            }
            () = tokio::time::sleep(self.silence()) => {
                Err(self.failed("this party has too many ceremonies running"))
            }
            () = until_over(self.inbox, self.number) => Err(Stop::Over),
            () = self.context.stop.abandon.cancelled() => Err(Stop::Abandoned),
        }
    }

    fn silence(&self) -> std::time::Duration {
        let limits = &self.context.limits;
        match self.accepted.work {
            Work::Sign { .. } => limits.silence_sign,
            Work::Keygen { .. } => limits.silence_keygen(self.accepted.quorum.parties()),
        }
    }

    /// The ceremony id; see [`Ceremony`].
    fn ceremony(&self, digest: Digest, path: &DerivationPath) -> Digest {
        let accepted = self.accepted;
        Ceremony {
            session: accepted.session,
            attempt: self.number,
            kind: accepted.kind(),
            key: accepted.key,
            epoch: accepted.epoch,
            signers: &self.signers,
            digest,
            path,
        }
        .id()
    }

    fn indices(&self) -> Vec<PartyIndex> {
        self.signers.iter().map(|member| member.index).collect()
    }

    /// The post of this attempt. Signatures share the channels of this party; a key
    /// generation has its own, which end with it, as what is sent there is the key.
    fn post(&self) -> Arc<Post> {
        let context = self.context;
        let sealer = match self.accepted.work {
            Work::Sign { .. } => Arc::clone(&context.sealer),
            Work::Keygen { .. } => Arc::new(context.new_sealer()),
        };
        Arc::new(Post::new(
            self.accepted.session,
            self.number,
            &context.party,
            sealer,
            Arc::clone(&context.opener),
            self.signers.clone(),
        ))
    }

    fn drive(&self, lane: Lane, post: &Arc<Post>, span: tracing::Span) -> Drive<'a> {
        let course = Course {
            attempt: self.number,
            lane,
            silence: self.silence(),
            span,
        };
        let kind = self.accepted.kind();
        let watch = Watch::new(self.accepted.session, self.number, kind);
        Drive::new(self.context, self.inbox, course, Arc::clone(post), watch)
    }

    /// Binds the session to `digest` and uses up this attempt, durably.
    async fn begin(&self, digest: Digest, binding: Digest) -> Result<Begun, Stop> {
        let (session, number) = (self.accepted.session, self.number);
        let begun = self
            .context
            .vault
            .begin_attempt_async(session, number, digest, binding)
            .await;
        match begun {
            Ok(()) => {
                self.context.stats.attempts_begun.increment();
                Ok(Begun::Now)
            }
            Err(BeginError::Finished { .. }) => Ok(Begun::Finished),
            Err(BeginError::OtherDigest { .. }) => Err(self.refused(Refusal::OtherDigest)),
            Err(BeginError::Vault(error)) => Err(self.refused(Refusal::Vault(error))),
            // A restart: nobody is to blame, and the next attempt may begin.
            Err(error) => Err(Stop::GivenUp(GivenUp::new(
                AbortReason::Engine,
                Vec::new(),
                error.to_string(),
            ))),
        }
    }

    /// Runs something on the vault, which blocks.
    async fn vault<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Vault) -> T + Send + 'static,
    ) -> Result<T, Stop> {
        let vault = Arc::clone(&self.context.vault);
        tokio::task::spawn_blocking(move || run(&vault))
            .await
            .map_err(|_| self.failed("the vault of this party failed"))
    }

    /// Hands a result in, again and again until it is answered or pointless.
    async fn report(&self, result: PartyAction) {
        let told = tell(self.context, self.accepted.session, self.number, result);
        if let Ok(Answer::Accepted) = tokio::time::timeout_at(self.deadline, told).await {
            tracing::debug!(session = %self.accepted.session, "result accepted");
        }
    }

    /// Hands in again what this session came to before.
    async fn report_again(&self, result: PartyAction) {
        tokio::select! {
            () = self.report(result) => {}
            () = until_over(self.inbox, self.number) => {}
            () = self.context.stop.abandon.cancelled() => {}
        }
    }

    fn refused(&self, refusal: Refusal) -> Stop {
        Stop::GivenUp(refusal.into_report(&self.context.party))
    }

    /// This party fails, and another might not.
    fn failed(&self, detail: impl Into<String>) -> Stop {
        let me = vec![self.context.party.clone()];
        Stop::GivenUp(GivenUp::new(AbortReason::Engine, me, detail))
    }
}

/// What the vault says to the beginning of an attempt that it does not refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    /// There is a result, and nothing may begin any more.
    Finished,
}

/// Counts a ceremony as long as it runs.
struct Running<'a>(&'a Context);

impl<'a> Running<'a> {
    fn new(context: &'a Context) -> Self {
        context.running.fetch_add(1, Ordering::Relaxed);
        metrics::began();
        Self(context)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        metrics::ended();
    }
}
