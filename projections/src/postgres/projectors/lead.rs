//! What the active projector does.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_event_store::{EventLog, LogError};
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::postgres::group::follow;
use crate::postgres::lane::Lane;
use crate::postgres::registry::{self, Leftover, Target, drop_leftovers};
use crate::postgres::status;
use crate::{Projection, StoreError, metrics};

/// How long to wait before a failed projection is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// How often the metrics are brought up to date, which asks the database.
const MEASURE: Duration = Duration::from_secs(1);

/// How long a retired version stays, in seconds, when the rebuild that replaced it
/// was not there to take it away.
const GRACE: f64 = 60.0;

/// Where the projections are, as far as the lanes have said.
#[derive(Debug, Clone)]
struct Places {
    places: Arc<Mutex<HashMap<Projection, u64>>>,
    all: watch::Sender<u64>,
}

impl Places {
    fn note(&self, projection: Projection, position: u64) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(projection, position);
        if places.len() < Projection::ALL.len() {
            return;
        }
        let all = places.values().min().copied().unwrap_or(0);
        self.all.send_if_modified(|known| {
            let advances = all > *known;
            *known = all.max(*known);
            advances
        });
    }
}

/// Keeps all projections up until the log is closed.
pub(super) async fn lead(log: &Arc<dyn EventLog>, pool: &PgPool, positions: &watch::Sender<u64>) {
    let places = Places {
        places: Arc::default(),
        all: positions.clone(),
    };
    let measuring = measure(log, pool);
    let folding = keep_folding(log, pool, &places);
    tokio::select! {
        () = measuring => {}
        () = folding => {}
    }
}

async fn keep_folding(log: &Arc<dyn EventLog>, pool: &PgPool, places: &Places) {
    let (failures, mut failed) = mpsc::unbounded_channel();
    let mut groups: JoinSet<bool> = JoinSet::new();
    let mut troubled = Troubled::default();
    let mut idle = Projection::ALL.to_vec();
    loop {
        if !idle.is_empty() {
            match open(pool, &idle).await {
                Ok(opened) => {
                    for (after, lanes) in opened {
                        for lane in &lanes {
                            idle.retain(|it| *it != lane.target.projection);
                            places.note(lane.target.projection, after);
                        }
                        let places = places.clone();
                        let done = move |target: Target, at| places.note(target.projection, at);
                        groups.spawn(follow(log.clone(), after, lanes, done, failures.clone()));
                    }
                }
                Err(error) => troubled.tell(None, &error),
            }
        }
        tokio::select! {
            Some((target, error)) = failed.recv() => {
                troubled.tell(Some(target), &error);
                idle.push(target.projection);
                sleep(RETRY).await;
                // Those that failed together go on together.
                while let Ok((target, error)) = failed.try_recv() {
                    troubled.tell(Some(target), &error);
                    idle.push(target.projection);
                }
            }
            Some(ended) = groups.join_next() => {
                if matches!(ended, Ok(false)) {
                    // Its projections have all been told of.
                    continue;
                }
                if let Err(LogError::Closed) = log.head().await {
                    return;
                }
                // Reading has come to an end that it should not.
                tracing::error!("the projector starts again from the checkpoints");
                groups.shutdown().await;
                idle = Projection::ALL.to_vec();
                sleep(RETRY).await;
            }
            () = sleep(RETRY), if !idle.is_empty() => {}
        }
    }
}

/// The active versions of these projections, by where they are.
async fn open(
    pool: &PgPool,
    projections: &[Projection],
) -> Result<BTreeMap<u64, Vec<Lane>>, StoreError> {
    let mut lanes: BTreeMap<u64, Vec<Lane>> = BTreeMap::new();
    for active in registry::active(pool).await? {
        if projections.contains(&active.target.projection) {
            let lane = Lane::open(pool, active.target).await?;
            lanes.entry(lane.position()).or_default().push(lane);
        }
    }
    Ok(lanes)
}

/// Tells of each trouble once, until there is another.
#[derive(Debug, Default)]
struct Troubled {
    last: HashMap<Option<Target>, String>,
}

impl Troubled {
    fn tell(&mut self, target: Option<Target>, error: &StoreError) {
        if let StoreError::Replaced { .. } = error {
            tracing::info!(%error, "the projector goes on with the new version");
            return;
        }
        let text = error.to_string();
        let before = self.last.insert(target, text.clone());
        if before.as_ref() == Some(&text) {
            tracing::debug!(%error, "a projection starts again from its checkpoint");
            return;
        }
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let projection = target.map_or("all", |target| target.projection.name());
        tracing::error!(%error, cause, projection, "a projection starts again from its checkpoint");
    }
}

async fn measure(log: &Arc<dyn EventLog>, pool: &PgPool) {
    let mut ticks = interval(MEASURE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(head) = log.head().await else {
            continue;
        };
        let Ok(all) = status(pool, head).await else {
            continue;
        };
        for it in all {
            let projection = it.projection.name();
            metrics::show(projection, it.position, it.lag, it.parked);
        }
        if let Err(error) = drop_leftovers(pool, Leftover::Retired(GRACE)).await {
            tracing::debug!(%error, "an old version stays for now");
        }
    }
}
