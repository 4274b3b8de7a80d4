//! Live progress, for whoever watches.
//!
//! A key generation takes seconds and shows every phase. A signature is done
//! before anybody could look, and its progress would cost as much as a fifth of
//! it: it is shown only where it stays.

use countersign_domain::ids::SessionId;
use countersign_domain::session::SessionKind;
use countersign_messaging::progress::{Phase, Progress};
use countersign_messaging::{Headers, subject};
use tokio::time::Instant;

use super::context::Context;
use crate::metrics;

/// Publishes the progress of one party in one attempt.
pub(super) struct Watch {
    session: SessionId,
    attempt: u32,
    kind: SessionKind,
    phase: Phase,
    since: Instant,
    shown: bool,
}

impl Watch {
    pub(super) fn new(session: SessionId, attempt: u32, kind: SessionKind) -> Self {
        Self {
            session,
            attempt,
            kind,
            phase: Phase::Joined,
            since: Instant::now(),
            shown: false,
        }
    }

    /// The party has come to this phase.
    pub(super) async fn enter(&mut self, context: &Context, phase: Phase) {
        // Confirming is a round too, but a later phase than any.
        if phase <= self.phase {
            return;
        }
        let watched = self.shown || self.kind != SessionKind::Sign;
        let now = Instant::now();
        metrics::phase(self.kind, self.phase, now - self.since);
        self.phase = phase;
        self.since = now;
        self.shown = false;
        if watched {
            self.show(context).await;
        }
    }

    /// The party is still in the phase it came to.
    pub(super) async fn late(&mut self, context: &Context) {
        if !self.shown {
            self.show(context).await;
        }
    }

    async fn show(&mut self, context: &Context) {
        self.shown = true;
        let progress = Progress {
            session: self.session,
            attempt: self.attempt,
            party: context.party.clone(),
            phase: self.phase,
            at: (context.clock)(),
        };
        let payload = progress.sign(&context.keys).into();
        let subject = subject::progress(self.session);
        if let Err(error) = context
            .bus
            .publish(&subject, payload, Headers::default())
            .await
        {
            tracing::debug!(%error, "progress could not be sent");
        }
    }
}
