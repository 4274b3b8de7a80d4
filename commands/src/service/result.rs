//! How a session came out.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::decider::Decider;
use countersign_domain::key::{Key, KeyEvent, KeyFacts, KeyStatus, PublicPart};
use countersign_domain::session::{
    Session, SessionEvent, SessionKind, SessionState, SessionStatus,
};
use countersign_event_store::StreamId;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{Commands, SessionRef};
use crate::error::CommandError;
use crate::repository::{Cached, Freshness, Loaded};
use crate::waiter::Waiting;

/// How long to wait for the end to be seen before looking for it in the log.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How many events are read at once.
const PAGE: usize = 500;

/// How far a session is.
#[derive(Debug)]
pub(crate) enum SessionResult {
    /// Still at work.
    Open {
        status: SessionStatus,
        position: u64,
    },
    /// A key was made.
    Key {
        facts: Box<KeyFacts>,
        public: PublicPart,
        epoch: u32,
        receipts: Vec<String>,
        position: u64,
    },
    /// A signature was made.
    Signed {
        state: Box<SessionState>,
        position: u64,
    },
    /// It came to nothing.
    Ended {
        status: SessionStatus,
        reason: String,
        detail: String,
    },
}

impl SessionRef {
    /// What a waiter waits for.
    fn awaited(&self) -> Uuid {
        match self.kind {
            SessionKind::Keygen => self.key.0,
            _ => self.session.0,
        }
    }
}

impl Commands {
    /// The result of a session, waiting at most `patience` for it.
    pub(crate) async fn result(
        &self,
        session: &SessionRef,
        patience: Duration,
    ) -> Result<SessionResult, CommandError> {
        let deadline = Instant::now() + patience;
        let mut look = patience.is_zero();
        loop {
            // Registered before looking, so that nothing is missed in between.
            let Waiting { ended, open } = self.waiter.register(session.awaited(), session.position);
            if look || !open {
                let result = self.look(session).await?;
                let open = matches!(result, SessionResult::Open { .. });
                if !open || Instant::now() >= deadline {
                    return Ok(result);
                }
            }
            let mut stopped = self.stopped.subscribe();
            let stopped = async { drop(stopped.wait_for(|stopped| *stopped).await) };
            tokio::select! {
                // What follows the log may be behind it.
                waited = timeout_at(deadline.min(Instant::now() + LOOK_AGAIN), ended) => {
                    look = waited.is_err();
                }
                () = stopped => return self.look(session).await,
            }
        }
    }

    async fn look(&self, asked: &SessionRef) -> Result<SessionResult, CommandError> {
        let over = |session: &Session| session.state().is_some_and(|s| s.status.is_final());
        let session = self.latest::<Session>(asked.session.0, over).await?;
        let Some(state) = session.state.state() else {
            return Err(countersign_domain::session::SessionError::NotFound.into());
        };
        let open = |position| SessionResult::Open {
            status: state.status,
            position,
        };
        if asked.kind == SessionKind::Keygen {
            let made = |key: &Key| key.status() != Some(KeyStatus::Requested);
            let key = self.latest::<Key>(asked.key.0, made).await?;
            return match (key.state.status(), key.state.facts(), key.state.public()) {
                (Some(KeyStatus::Requested), ..) => Ok(open(session.position)),
                (Some(_), Some(facts), Some(public)) => Ok(SessionResult::Key {
                    facts: Box::new(facts.clone()),
                    public,
                    epoch: key.state.epoch(),
                    receipts: self.receipts(asked.key.0).await?,
                    position: key.position,
                }),
                _ => self.ended(state).await,
            };
        }
        match state.status {
            SessionStatus::Completed => Ok(SessionResult::Signed {
                state: Box::new(state.clone()),
                position: session.position,
            }),
            status if status.is_final() => self.ended(state).await,
            _ => Ok(open(session.position)),
        }
    }

    /// From the cache what is settled, and from the log what may have changed:
    /// another replica may have brought it to its end.
    async fn latest<A: Cached>(
        &self,
        id: Uuid,
        settled: impl Fn(&A) -> bool,
    ) -> Result<Arc<Loaded<A>>, CommandError> {
        let cached = self.repository.load::<A>(id, Freshness::Cached).await?;
        if settled(&cached.state) {
            return Ok(cached);
        }
        self.repository.load::<A>(id, Freshness::Present).await
    }

    async fn ended(&self, state: &SessionState) -> Result<SessionResult, CommandError> {
        let retired = self.last::<Key, _>(state.asked.key.0, |event| match event {
            KeyEvent::KeyRetired { reason } => Some(reason),
            _ => None,
        });
        let failed = self.last::<Session, _>(state.asked.session.0, |event| match event {
            SessionEvent::SessionFailed { reason, detail } => {
                let reason = serde_json::to_value(reason).ok()?.as_str()?.to_owned();
                Some((reason, detail))
            }
            _ => None,
        });
        let (reason, detail) = match failed.await? {
            Some(failed) => failed,
            None if state.status == SessionStatus::Completed => (
                "receipts_disagree".to_owned(),
                retired.await?.unwrap_or_default(),
            ),
            None => (
                state.status.to_string(),
                format!("the session was {}", state.status),
            ),
        };
        Ok(SessionResult::Ended {
            status: match state.status {
                SessionStatus::Completed => SessionStatus::Failed,
                other => other,
            },
            reason,
            detail,
        })
    }

    async fn receipts(&self, key: Uuid) -> Result<Vec<String>, CommandError> {
        let activated = self.last::<Key, _>(key, |event| match event {
            KeyEvent::KeyActivated { receipts, .. } => Some(receipts),
            _ => None,
        });
        Ok(activated.await?.unwrap_or_default())
    }

    /// What `find` finds in the last event of a stream that has it.
    async fn last<A: Decider, T>(
        &self,
        id: Uuid,
        find: impl Fn(A::Event) -> Option<T>,
    ) -> Result<Option<T>, CommandError> {
        let stream = StreamId::new(A::TYPE, id);
        let mut found = None;
        let mut after = 0;
        loop {
            let page = self
                .repository
                .log()
                .read_stream(&stream, after, PAGE)
                .await?;
            for envelope in &page {
                after = envelope.version;
                let event = self.repository.decoder().event::<A::Event>(envelope)?;
                found = find(event).or(found);
            }
            if page.len() < PAGE {
                return Ok(found);
            }
        }
    }
}
