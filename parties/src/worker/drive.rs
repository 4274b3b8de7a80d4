//! Drives a seat: takes what has come, has the pool compute, publishes what comes
//! out, asks again after a quiet interval, and loses patience in the end.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::PartyId;
use countersign_messaging::Headers;
use countersign_messaging::party_command::AbortReason;
use countersign_messaging::progress::Phase;
use tokio::time::Instant;

use super::context::Context;
use super::coordinator::GivenUp;
use super::inbox::Inbox;
use super::pool::Lane;
use super::post::{Outbound, Post};
use super::progress::Watch;
use super::seat::{Seat, Turn};
use super::silence::Silence;
use crate::engine::{Abort, AbortKind, PartyIndex};
use crate::metrics;

/// Why an attempt goes no further here.
pub(super) enum Stop {
    /// It failed elsewhere, a later one started, or the session is over.
    Over,
    /// The worker stops.
    Abandoned,
    /// This party gives it up.
    GivenUp(GivenUp),
}

/// Which attempt is driven, and how patiently.
pub(super) struct Course {
    pub(super) attempt: u32,
    pub(super) lane: Lane,
    pub(super) silence: Duration,
    pub(super) span: tracing::Span,
}

/// See the module's documentation.
pub(super) struct Drive<'a> {
    context: &'a Arc<Context>,
    inbox: &'a Inbox,
    course: Course,
    post: Arc<Post>,
    /// Away while a turn is computed.
    seat: Option<Box<Seat>>,
    silence: Silence,
    /// When nothing will have come for too long, and how long that is.
    tick_at: Instant,
    quiet: Duration,
    watch: Watch,
}

impl<'a> Drive<'a> {
    /// A drive without a seat yet; the first turn makes it.
    pub(super) fn new(
        context: &'a Arc<Context>,
        inbox: &'a Inbox,
        course: Course,
        post: Arc<Post>,
        watch: Watch,
    ) -> Self {
        Self {
            context,
            inbox,
            silence: Silence::new(course.silence),
            post,
            seat: None,
            tick_at: Instant::now() + context.limits.quiet,
            quiet: context.limits.quiet,
            course,
            watch,
        }
    }

    /// Makes the seat and computes its first turn. Nothing of it is published:
    /// that is for [`settle`](Self::settle), once the vault has agreed.
    pub(super) async fn sit<E: Send + 'static>(
        &mut self,
        make: impl FnOnce() -> Result<Seat, E> + Send + 'static,
    ) -> Result<Result<Turn, E>, Stop> {
        let made = self
            .compute(move || {
                make().map(|seat| {
                    let mut seat = Box::new(seat);
                    let turn = seat.start();
                    (seat, turn)
                })
            })
            .await?;
        Ok(made.map(|(seat, turn)| {
            self.seat = Some(seat);
            turn
        }))
    }

    /// One more turn of the seat, settled.
    pub(super) async fn play(
        &mut self,
        play: impl FnOnce(&mut Seat) -> Turn + Send + 'static,
    ) -> Result<Turn, Stop> {
        let Some(mut seat) = self.seat.take() else {
            return Err(self.broken("the ceremony has no state"));
        };
        let (seat, turn) = self
            .compute(move || {
                let turn = play(&mut seat);
                (seat, turn)
            })
            .await?;
        self.seat = Some(seat);
        self.settle(turn).await
    }

    /// Publishes a turn and notes what it says.
    pub(super) async fn settle(&mut self, mut turn: Turn) -> Result<Turn, Stop> {
        let stats = &self.context.stats;
        stats.frames_refused.add(turn.refused);
        metrics::frames_refused(turn.refused);
        stats.resends_asked.add(turn.asked);
        for peer in &turn.heard {
            self.silence.hear(*peer);
        }
        if !turn.heard.is_empty() {
            self.rest(self.context.limits.quiet);
        }
        if let Some(awaited) = turn.awaited.take() {
            if awaited.round != self.silence.awaited().round {
                self.course.span.record("round", awaited.round);
                self.watch
                    .enter(self.context, Phase::Round(awaited.round))
                    .await;
            }
            self.silence.wait_for(awaited);
        }
        self.publish(std::mem::take(&mut turn.out)).await;
        match turn.abort.take() {
            Some(abort) => Err(Stop::GivenUp(self.aborted(&abort))),
            None => Ok(turn),
        }
    }

    /// Waits for something to come and takes it up, until a turn has a result.
    pub(super) async fn next(&mut self) -> Result<Turn, Stop> {
        loop {
            if self.inbox.is_over(self.course.attempt) {
                return Err(Stop::Over);
            }
            let frames = self.inbox.take_frames(self.course.attempt);
            if !frames.is_empty() {
                let turn = self.play(move |seat| seat.receive(&frames)).await?;
                if turn.outcome.is_some() || !turn.confirmed.is_empty() {
                    return Ok(turn);
                }
                continue;
            }
            let patience = self.silence.deadline();
            let wake = patience.map_or(self.tick_at, |patience| patience.min(self.tick_at));
            tokio::select! {
                () = self.inbox.news() => {}
                () = tokio::time::sleep_until(wake) => self.out_of_time().await?,
                () = self.context.stop.abandon.cancelled() => return Err(Stop::Abandoned),
            }
        }
    }

    /// Goes on answering peers while `report` runs, and for a while after it, until
    /// the attempt is over. Gives what `report` gave, if it came to that.
    pub(super) async fn linger<T>(&mut self, report: impl Future<Output = T>) -> Option<T> {
        let mut report = std::pin::pin!(report);
        let mut reported = None;
        let mut until = None;
        loop {
            if self.inbox.is_over(self.course.attempt) {
                return reported;
            }
            let frames = self.inbox.take_frames(self.course.attempt);
            if !frames.is_empty() {
                // The ceremony is over: no abort can come of this any more.
                let answered = self.play(move |seat| seat.receive(&frames)).await;
                if answered.is_err() {
                    return reported;
                }
                continue;
            }
            let stop = &self.context.stop;
            let deadline = until.unwrap_or_else(Instant::now);
            tokio::select! {
                () = self.inbox.news() => {}
                answer = &mut report, if reported.is_none() => {
                    reported = Some(answer);
                    until = Some(Instant::now() + self.context.limits.linger);
                }
                () = tokio::time::sleep_until(deadline), if until.is_some() => return reported,
                () = stop.drain.cancelled(), if until.is_some() => return reported,
                () = stop.abandon.cancelled() => return reported,
            }
        }
    }

    /// Tells whoever watches how far this party is.
    pub(super) async fn enter(&mut self, phase: Phase) {
        self.watch.enter(self.context, phase).await;
    }

    /// Runs a computation in the pool. Peers hear that this party is busy, so that
    /// they do not take long steps for silence.
    async fn compute<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stop> {
        let span = self.course.span.clone();
        let lane = self.course.lane;
        let context = self.context;
        let job = context.pool.run(lane, move || span.in_scope(work));
        let mut job = std::pin::pin!(job);
        let busy = self.course.silence / 4;
        loop {
            tokio::select! {
                done = &mut job => {
                    return done.map_err(|error| self.broken(&error.to_string()));
                }
                () = tokio::time::sleep(busy) => {
                    let mut out = Vec::new();
                    if self.post.sign_of_life(|_| true, &mut out).is_ok() {
                        self.publish(out).await;
                    }
                }
            }
        }
    }

    async fn publish(&mut self, out: Vec<Outbound>) {
        for Outbound { subject, payload } in out {
            let sent = self
                .context
                .bus
                .publish(&subject, payload, Headers::default())
                .await;
            if let Err(error) = sent {
                // Whoever misses it asks for it.
                tracing::warn!(%error, subject = %subject, "a frame could not be sent");
            }
        }
    }

    /// Nothing came for too long.
    async fn out_of_time(&mut self) -> Result<(), Stop> {
        let culprits = self.silence.culprits(Instant::now());
        if !culprits.is_empty() {
            let round = self.silence.awaited().round;
            let culprits = self.names(&culprits);
            let names: Vec<_> = culprits.iter().map(ToString::to_string).collect();
            let detail = format!("nothing came from {} in round {round}", names.join(", "));
            let reason = AbortReason::Silence { round };
            return Err(Stop::GivenUp(GivenUp::new(reason, culprits, detail)));
        }
        if Instant::now() >= self.tick_at {
            self.watch.late(self.context).await;
            self.play(Seat::tick).await?;
            self.rest((self.quiet * 2).min(self.context.limits.quiet_max));
        }
        Ok(())
    }

    /// Starts the quiet interval anew. Where steps stand in line here, they do at
    /// the peers that share the machine: asking them would only lengthen the line.
    fn rest(&mut self, quiet: Duration) {
        self.quiet = quiet;
        let line = self.context.pool.delay(self.course.lane) * 8;
        self.tick_at = Instant::now() + quiet.max(line.min(self.course.silence / 2));
    }

    fn aborted(&self, abort: &Abort) -> GivenUp {
        let reason = match abort.kind {
            AbortKind::Ban(_) => AbortReason::Cheating,
            AbortKind::Retry | AbortKind::Fatal => AbortReason::Engine,
        };
        let culprits = match abort.kind {
            // Another attempt can only help without this party.
            AbortKind::Fatal => vec![self.context.party.clone()],
            _ => self.names(&abort.culprits),
        };
        GivenUp::new(reason, culprits, abort.to_string())
    }

    fn names(&self, peers: &[PartyIndex]) -> Vec<PartyId> {
        peers
            .iter()
            .filter_map(|peer| self.post.name(*peer).cloned())
            .collect()
    }

    fn broken(&self, detail: &str) -> Stop {
        let me = vec![self.context.party.clone()];
        Stop::GivenUp(GivenUp::new(AbortReason::Engine, me, detail))
    }
}
