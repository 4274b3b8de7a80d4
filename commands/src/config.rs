//! What the command side is given.

use std::fmt;
use std::sync::Arc;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::Roster;
use countersign_domain::session::SessionKind;
use countersign_event_store::EventLog;
use countersign_messaging::Bus;
use countersign_messaging::presence::Presence;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Gives random bytes, for trace ids.
pub type Entropy = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// Everything that [`crate::Commands`] works with.
pub struct CommandsConfig {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The parties of the deployment.
    pub roster: Arc<Roster>,
    /// Who of them is there.
    pub presence: Arc<Presence>,
    /// Tells the time.
    pub clock: Clock,
    /// Gives random bytes.
    pub entropy: Entropy,
    /// The secret that join tokens derive from; the same in all replicas.
    pub coordinator_secret: Zeroizing<[u8; 32]>,
    /// Deadlines and attempts.
    pub policy: SessionPolicy,
}

impl fmt::Debug for CommandsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandsConfig")
            .field("log", &self.log)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// How long sessions may take, by kind. A session keeps what applied when it was
/// created, so that its deadlines are the same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// Key generation. Its time grows with the square of the parties.
    pub keygen: KindPolicy,
    /// Signing. Its time grows with the square of the threshold.
    pub sign: KindPolicy,
}

/// How long sessions of one kind may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindPolicy {
    /// How long parties have to get ready, in milliseconds.
    pub ready_ms: u32,
    /// How long an attempt may take, in milliseconds …
    pub attempt_ms: u32,
    /// … and how much longer for each pair of parties that compute with each other.
    pub attempt_per_pair_ms: u32,
    /// How many attempts there may be.
    pub max_attempts: u32,
    /// How much longer than all its attempts a session may take, in milliseconds.
    pub slack_ms: u32,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            keygen: KindPolicy {
                ready_ms: 15_000,
                attempt_ms: 30_000,
                attempt_per_pair_ms: 2_000,
                max_attempts: 2,
                slack_ms: 30_000,
            },
            sign: KindPolicy {
                ready_ms: 5_000,
                attempt_ms: 10_000,
                attempt_per_pair_ms: 1_000,
                max_attempts: 5,
                slack_ms: 0,
            },
        }
    }
}

impl SessionPolicy {
    pub(crate) fn of(&self, kind: SessionKind) -> &KindPolicy {
        match kind {
            SessionKind::Sign => &self.sign,
            SessionKind::Keygen | SessionKind::Refresh | SessionKind::Recover => &self.keygen,
        }
    }
}

impl KindPolicy {
    /// How long an attempt with so many parties may take, in milliseconds.
    pub(crate) fn attempt_timeout_ms(&self, kind: SessionKind, quorum: Quorum) -> u32 {
        let parties = u32::from(match kind {
            SessionKind::Sign => quorum.threshold(),
            _ => quorum.parties(),
        });
        self.attempt_ms
            .saturating_add(self.attempt_per_pair_ms.saturating_mul(parties * parties))
    }

    /// How long a session with such attempts may take.
    pub(crate) fn session(&self, attempt_timeout_ms: u32) -> Duration {
        let attempt = i64::from(self.ready_ms) + i64::from(attempt_timeout_ms);
        Duration::milliseconds(attempt * i64::from(self.max_attempts) + i64::from(self.slack_ms))
    }
}
