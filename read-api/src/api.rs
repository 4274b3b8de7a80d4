//! What the endpoints read from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_audit::Published;
use countersign_domain::Timestamp;
use countersign_domain::roster::Roster;
use countersign_event_store::{EventLog, HashKey, Owners, PersonalKeys};
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_projections::ReadModels;
use countersign_projections::history::{History, MemorySnapshots, Snapshots};
use tokio::sync::{OnceCell, watch};

use crate::console::Recomputer;
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
    /// The keys of personal data, beside the log.
    pub personal: Arc<dyn PersonalKeys>,
    /// The key that names are reserved under.
    pub hash_key: HashKey,
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
    pub(crate) personal: Arc<dyn PersonalKeys>,
    pub(crate) hash_key: HashKey,
    pub(crate) presence: Arc<Presence>,
    pub(crate) progress: Arc<ProgressBoard>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) owners: Arc<Owners>,
    pub(crate) history: History,
    pub(crate) visibility: Arc<dyn Visibility>,
    pub(crate) streams: Arc<Hub>,
    pub(crate) checkpoints: Option<watch::Receiver<Option<Published>>>,
    /// The roots that were made again here.
    pub(crate) roots: Recomputer,
    pub(crate) console: bool,
    relayed: Option<watch::Receiver<u64>>,
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
        let history = History::new(Arc::new(config.log.clone()));
        Self {
            owners,
            history: history.with_snapshots(Arc::new(MemorySnapshots::default())),
            visibility: Arc::new(Everybody),
            streams: Arc::new(streams),
            checkpoints: None,
            log: config.log,
            models: config.models,
            personal: config.personal,
            hash_key: config.hash_key,
            presence: config.presence,
            progress: config.progress,
            roster: config.roster,
            clock: config.clock,
            entropy: config.entropy,
            console: true,
            roots: Recomputer::default(),
            relayed: None,
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

    /// The newest signed checkpoint of the log, as it becomes known; without, there
    /// is none.
    #[must_use]
    pub fn with_checkpoints(self, newest: watch::Receiver<Option<Published>>) -> Self {
        Self {
            checkpoints: Some(newest),
            ..self
        }
    }

    /// Whether the console is served; it is by default.
    #[must_use]
    pub fn with_console(self, console: bool) -> Self {
        Self { console, ..self }
    }

    /// Up to which position events were relayed, as far as it is heard; 0 until then.
    #[must_use]
    pub fn with_relayed(self, relayed: watch::Receiver<u64>) -> Self {
        let relayed = Some(relayed);
        Self { relayed, ..self }
    }

    /// Who may see which event; everybody all of them by default.
    #[must_use]
    pub fn with_visibility(self, visibility: Arc<dyn Visibility>) -> Self {
        Self { visibility, ..self }
    }

    /// Where states of long streams are kept; in memory by default.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Arc<dyn Snapshots>) -> Self {
        Self {
            history: self.history.with_snapshots(snapshots),
            ..self
        }
    }

    /// Up to which position of a log with this head events were relayed; none when
    /// nothing was heard of it.
    pub(crate) fn relayed(&self, head: u64) -> Option<u64> {
        let heard = *self.relayed.as_ref()?.borrow();
        (heard > 0 || head == 0).then_some(heard)
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
