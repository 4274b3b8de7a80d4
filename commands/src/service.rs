//! The use cases, without HTTP.

mod account;
mod create_key;
mod due;
mod erase;
mod key;
mod party;
mod register;
mod result;
mod session;
mod sign;

use std::fmt;
use std::sync::Arc;

use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountError};
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::intent::{Intent, IntentError, VerifiedIntent};
use countersign_domain::jws::JwsError;
use countersign_domain::roster::Roster;
use countersign_domain::session::SessionKind;
use countersign_event_store::{
    Append, Checkpoints, CommandRecord, HashKey, Leases, Metadata, PersonalChange, PersonalKeys,
    Reservation, StreamAppend,
};
use countersign_messaging::invitation::InvitationSealer;
use countersign_messaging::presence::Presence;
use countersign_messaging::{Bus, EventFeed};
use tokio::sync::watch;

use crate::config::{Clock, CommandsConfig, Entropy, SessionPolicy};
use crate::error::{AppendFailure, CommandError};
use crate::health::{BUS_GRACE, Health};
use crate::load::Load;
use crate::repository::{Freshness, Repository};
use crate::tokens::Tokens;
use crate::turns::Turns;
use crate::waiter::Waiter;

pub use crate::coordinator::RunError;
pub(crate) use due::Deadline;
pub(crate) use result::SessionResult;

/// How often a decision is made anew because others were faster.
const TRIES: usize = 16;

/// The command side: see the crate's documentation.
pub struct Commands {
    pub(crate) repository: Repository,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) tokens: Tokens,
    pub(crate) personal: Arc<dyn PersonalKeys>,
    pub(crate) hash_key: HashKey,
    pub(crate) sealer: InvitationSealer,
    pub(crate) policy: SessionPolicy,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) replica: String,
    pub(crate) waiter: Waiter,
    pub(crate) load: Load,
    pub(crate) turns: Turns,
    pub(crate) health: Health,
    /// Position up to which this replica has relayed; 0 when it never did.
    pub(crate) relayed: watch::Sender<u64>,
    /// Whether the coordinator has caught up with the log.
    pub(crate) ready: watch::Sender<bool>,
    /// Whether it coordinates no more, so that nothing wakes those who wait.
    pub(crate) stopped: watch::Sender<bool>,
}

/// A command that was carried out, now or when it was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Position of its last event.
    pub position: u64,
}

/// A session that a command started, now or when it was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRef {
    /// The session.
    pub session: SessionId,
    /// The key it makes or uses.
    pub key: KeyId,
    /// What it does.
    pub kind: SessionKind,
    /// Position of the events that started it.
    pub position: u64,
}

/// What is appended: the decision, and the request it answers.
pub(crate) struct Decision {
    pub(crate) streams: Vec<StreamAppend>,
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) personal: Option<PersonalChange>,
}

impl From<Vec<StreamAppend>> for Decision {
    fn from(streams: Vec<StreamAppend>) -> Self {
        Self {
            streams,
            reservations: vec![],
            personal: None,
        }
    }
}

impl Commands {
    /// The command side over a log and a bus.
    #[must_use]
    pub fn new(config: CommandsConfig) -> Self {
        Self {
            repository: Repository::new(config.log),
            bus: config.bus,
            roster: config.roster,
            presence: config.presence,
            clock: config.clock,
            entropy: config.entropy,
            tokens: Tokens::new(config.coordinator_secret),
            personal: config.personal,
            hash_key: config.hash_key,
            sealer: InvitationSealer::default(),
            policy: config.policy,
            feed: config.feed,
            leases: config.leases,
            checkpoints: config.checkpoints,
            replica: config.replica,
            waiter: Waiter::default(),
            load: Load::default(),
            turns: Turns::default(),
            health: Health::default(),
            relayed: watch::Sender::new(0),
            ready: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
        }
    }

    /// Whether it coordinates; false while it reads the log at start.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Up to which position this replica has relayed events, as it advances; 0 when it
    /// never did, because another one relays.
    pub fn relayed(&self) -> watch::Receiver<u64> {
        self.relayed.subscribe()
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// For how long this replica has not reached the bus; none while it does.
    pub(crate) fn bus_away(&self) -> Option<std::time::Duration> {
        self.health.bus_away(&*self.bus)
    }

    /// Refuses to begin a session that would only run out of time: its parties have
    /// not been reachable for a while.
    pub(crate) fn require_bus(&self) -> Result<(), CommandError> {
        match self.bus_away() {
            Some(away) if away >= BUS_GRACE => Err(CommandError::BusAway),
            _ => Ok(()),
        }
    }

    /// Verifies an intent by the auth key of the account that it names, and that
    /// it is the account in the request, where that names one.
    pub(crate) async fn verify(
        &self,
        token: &str,
        account: Option<AccountId>,
    ) -> Result<VerifiedIntent, CommandError> {
        let claimed = Intent::peek(token)?.account;
        if account.is_some_and(|account| account != claimed) {
            return Err(CommandError::OtherAccount);
        }
        match self.verify_by(token, claimed, Freshness::Cached).await {
            // By an auth key that it has had since.
            Err(CommandError::Intent(IntentError::Jws(
                JwsError::Signature | JwsError::Algorithm(_),
            ))) => self.verify_by(token, claimed, Freshness::Present).await,
            verified => verified,
        }
    }

    async fn verify_by(
        &self,
        token: &str,
        account: AccountId,
        freshness: Freshness,
    ) -> Result<VerifiedIntent, CommandError> {
        let loaded = self
            .repository
            .load::<Account>(account.0, freshness)
            .await?;
        let key = loaded.state.auth_key().ok_or(AccountError::NotFound)?;
        Ok(Intent::verify(token, key)?)
    }

    /// The position at which this very request was carried out before; an error
    /// when its `jti` names another request. Asked before anything that may have
    /// changed since, so that a retry is always answered.
    async fn done_before(&self, record: CommandRecord) -> Result<Option<u64>, CommandError> {
        match self.repository.log().find_command(record.id).await? {
            None => Ok(None),
            Some(entry) if entry.record == record => Ok(Some(entry.last_position)),
            Some(_) => Err(CommandError::JtiReused),
        }
    }

    /// Appends a decision that answers an intent; none when others were faster.
    async fn append(
        &self,
        record: CommandRecord,
        intent: &VerifiedIntent,
        decision: Decision,
        trace_parent: Option<&str>,
    ) -> Result<Option<Accepted>, CommandError> {
        let append = Append {
            command: Some(record),
            metadata: Metadata {
                correlation_id: record.id,
                causation_id: None,
                actor: format!("account:{}", intent.intent.account),
                trace_parent: trace_parent.map(ToOwned::to_owned),
            },
            recorded_at: self.now(),
            streams: decision.streams,
            reservations: decision.reservations,
            personal: decision.personal,
        };
        match self.repository.append(append).await {
            Ok(appended) => Ok(Some(Accepted {
                position: appended.last_position,
            })),
            Err(AppendFailure::Conflict) => Ok(None),
            Err(AppendFailure::Other(error)) => Err(error),
        }
    }

    /// Decides and appends until nobody is faster. `decide` is told how fresh the
    /// state must be that it decides on.
    ///
    /// A refusal counts only if it was decided on all that the log has, and if it
    /// was not this very request, sent twice, that brought about what refuses it.
    pub(crate) async fn carry_out<F, D>(
        &self,
        intent: &VerifiedIntent,
        trace_parent: Option<&str>,
        decide: D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn(Freshness) -> F,
        F: Future<Output = Result<Decision, CommandError>>,
    {
        self.carry_out_as(record(intent), intent, trace_parent, decide)
            .await
    }

    /// As [`Self::carry_out`], under another record of the command.
    async fn carry_out_as<F, D>(
        &self,
        record: CommandRecord,
        intent: &VerifiedIntent,
        trace_parent: Option<&str>,
        decide: D,
    ) -> Result<Accepted, CommandError>
    where
        D: Fn(Freshness) -> F,
        F: Future<Output = Result<Decision, CommandError>>,
    {
        let mut freshness = Freshness::Cached;
        for _ in 0..TRIES {
            let decided = async {
                intent.intent.check_time(self.now())?;
                decide(freshness).await
            };
            match decided.await {
                // An append knows a repeated command itself.
                Ok(decision) => {
                    let appended = self.append(record, intent, decision, trace_parent);
                    if let Some(accepted) = appended.await? {
                        return Ok(accepted);
                    }
                }
                Err(error) => {
                    if let Some(position) = self.done_before(record).await? {
                        return Ok(Accepted { position });
                    }
                    if !error.is_refusal() || freshness == Freshness::Present {
                        return Err(error);
                    }
                }
            }
            freshness = Freshness::Present;
        }
        Err(CommandError::Contention)
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

fn record(intent: &VerifiedIntent) -> CommandRecord {
    CommandRecord {
        id: intent.intent.account.command(&intent.intent.jti),
        fingerprint: intent.hash.0,
    }
}
