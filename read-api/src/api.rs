//! What the endpoints read from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::Timestamp;
use countersign_domain::roster::Roster;
use countersign_event_store::{EventLog, Owners};
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_projections::ReadModels;
use tokio::sync::OnceCell;

use crate::problem::{Code, Problem};
use crate::stream::{Hub, StreamSettings};
use crate::visibility::{Everybody, Visibility};

/// How long a query waits for `min_position` unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Makes up trace ids.
pub type Entropy = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What a [`ReadApi`] is made of.
pub struct ReadApiConfig {
    /// The event log, for browsing.
    pub log: Arc<dyn EventLog>,
    /// The read models.
    pub models: Arc<ReadModels>,
    /// Who is there.
    pub presence: Arc<Presence>,
    /// How far they are.
    pub progress: Arc<ProgressBoard>,
    /// The pinned parties.
    pub roster: Arc<Roster>,
    /// Tells the time.
    pub clock: Clock,
    /// Makes up trace ids for requests that bring none.
    pub entropy: Entropy,
}

/// What the endpoints read from.
pub struct ReadApi {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) models: Arc<ReadModels>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) progress: Arc<ProgressBoard>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) owners: Arc<Owners>,
    pub(crate) visibility: Arc<dyn Visibility>,
    pub(crate) streams: Arc<Hub>,
    patience: Duration,
    head_at_start: OnceCell<u64>,
}

impl fmt::Debug for ReadApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadApiConfig").finish_non_exhaustive()
    }
}

impl fmt::Debug for ReadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadApi")
            .field("position", &self.models.position())
            .finish_non_exhaustive()
    }
}

impl ReadApi {
    /// Endpoints over these.
    #[must_use]
    pub fn new(config: ReadApiConfig) -> Self {
        let owners = Arc::new(Owners::new(config.log.clone()));
        let settings = StreamSettings::default();
        let streams = Hub::new(config.log.clone(), owners.clone(), settings);
        Self {
            owners,
            visibility: Arc::new(Everybody),
            streams: Arc::new(streams),
            log: config.log,
            models: config.models,
            presence: config.presence,
            progress: config.progress,
            roster: config.roster,
            clock: config.clock,
            entropy: config.entropy,
            patience: PATIENCE,
            head_at_start: OnceCell::new(),
        }
    }

    /// How long a query waits for `min_position`; 5 seconds by default.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How event streams are given out.
    #[must_use]
    pub fn with_streams(self, settings: StreamSettings) -> Self {
        let streams = Hub::new(self.log.clone(), self.owners.clone(), settings);
        Self {
            streams: Arc::new(streams),
            ..self
        }
    }

    /// Who may see which event; everybody all of them by default.
    #[must_use]
    pub fn with_visibility(self, visibility: Arc<dyn Visibility>) -> Self {
        Self { visibility, ..self }
    }

    /// Waits until the read models are where the query wants them, and returns a
    /// position whose events every read from now on shows.
    pub(crate) async fn reach(&self, wanted: Option<u64>) -> Result<u64, Problem> {
        let Some(wanted) = wanted else {
            return Ok(self.models.position());
        };
        let lagging = match self.models.wait_for(wanted, self.patience).await {
            Ok(position) => return Ok(position),
            Err(lagging) => lagging,
        };
        let head = self.log.head().await?;
        if wanted > head {
            return Err(beyond_head("min_position", wanted, head));
        }
        Err(Problem::new(Code::Lagging, format!("{lagging}: try again")).retry_after(1))
    }

    /// The head of the log when it was first asked for.
    pub(crate) async fn head_at_start(&self) -> Result<u64, Problem> {
        let head = self.head_at_start.get_or_try_init(|| self.log.head());
        Ok(*head.await?)
    }
}

/// A position that no event has.
pub(crate) fn beyond_head(field: &'static str, wanted: u64, head: u64) -> Problem {
    let detail = format!("position {wanted} is beyond the head of the log, {head}");
    Problem::new(Code::PositionBeyondHead, detail).field(field)
}
