//! What the command side is given.

use std::fmt;
use std::sync::Arc;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::Roster;
use countersign_domain::session::SessionKind;
use countersign_event_store::{Checkpoints, EventLog, HashKey, Leases, PersonalKeys};
use countersign_messaging::presence::Presence;
use countersign_messaging::{Bus, EventFeed};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest session there is, whatever the policy says.
const LONGEST_SESSION: Duration = Duration::days(7);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Gives random bytes that nobody can guess, for keys and for trace ids.
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
    /// The keys of personal data, beside the log.
    pub personal: Arc<dyn PersonalKeys>,
    /// The key that names are reserved under; the same in all replicas.
    pub hash_key: HashKey,
    /// Deadlines and attempts.
    pub policy: SessionPolicy,
    /// Where committed events are published.
    pub feed: Arc<dyn EventFeed>,
    /// Decides which replica publishes them.
    pub leases: Arc<dyn Leases>,
    /// Keeps where a replica that starts has to begin.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// A name of this process that no other has.
    pub replica: String,
}

impl fmt::Debug for CommandsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandsConfig")
            .field("replica", &self.replica)
            .field("log", &self.log)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// How long sessions may take, by kind. A session keeps what applied when it was
/// created, so that its deadlines are the same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Said")]
pub struct SessionPolicy {
    /// Key generation. Its time grows with the square of the parties.
    pub keygen: KindPolicy,
    /// Signing. Its time grows with the square of the threshold.
    pub sign: KindPolicy,
}

/// How long sessions of one kind may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// What a configuration says; the rest is as by default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    keygen: SaidOfKind,
    sign: SaidOfKind,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SaidOfKind {
    ready_ms: Option<u32>,
    attempt_ms: Option<u32>,
    attempt_per_pair_ms: Option<u32>,
    max_attempts: Option<u32>,
    slack_ms: Option<u32>,
}

impl From<Said> for SessionPolicy {
    fn from(said: Said) -> Self {
        let default = Self::default();
        Self {
            keygen: said.keygen.or(default.keygen),
            sign: said.sign.or(default.sign),
        }
    }
}

impl SaidOfKind {
    fn or(&self, default: KindPolicy) -> KindPolicy {
        KindPolicy {
            ready_ms: self.ready_ms.unwrap_or(default.ready_ms),
            attempt_ms: self.attempt_ms.unwrap_or(default.attempt_ms),
            attempt_per_pair_ms: self
                .attempt_per_pair_ms
                .unwrap_or(default.attempt_per_pair_ms),
            max_attempts: self.max_attempts.unwrap_or(default.max_attempts),
            slack_ms: self.slack_ms.unwrap_or(default.slack_ms),
        }
    }
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
        let all = attempt.saturating_mul(i64::from(self.max_attempts));
        let milliseconds = all.saturating_add(i64::from(self.slack_ms));
        Duration::milliseconds(milliseconds).min(LONGEST_SESSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_without_bounds_makes_no_endless_session() {
        let most = u32::MAX;
        let policy = KindPolicy {
            ready_ms: most,
            attempt_ms: most,
            attempt_per_pair_ms: most,
            max_attempts: most,
            slack_ms: most,
        };
        let quorum = Quorum::new(32, 32).expect("a quorum");
        let attempt = policy.attempt_timeout_ms(SessionKind::Keygen, quorum);
        assert_eq!(attempt, most);
        assert_eq!(policy.session(attempt), Duration::days(7));
    }

    #[test]
    fn an_attempt_takes_longer_with_each_pair_that_computes() {
        let policy = SessionPolicy::default();
        let quorum = Quorum::new(2, 3).expect("a quorum");
        let sign = policy.sign.attempt_timeout_ms(SessionKind::Sign, quorum);
        assert_eq!(sign, 10_000 + 4 * 1_000);
        let keygen = policy
            .keygen
            .attempt_timeout_ms(SessionKind::Keygen, quorum);
        assert_eq!(keygen, 30_000 + 9 * 2_000);
        let whole = policy.keygen.session(keygen);
        assert_eq!(whole, Duration::seconds((15 + 48) * 2 + 30));
    }

    #[test]
    fn a_configuration_says_only_what_is_not_as_by_default() {
        let said = serde_json::json!({ "sign": { "max_attempts": 3 } });
        let policy: SessionPolicy = serde_json::from_value(said).expect("a policy");
        let mut expected = SessionPolicy::default();
        expected.sign.max_attempts = 3;
        assert_eq!(policy, expected);
        for unknown in [
            serde_json::json!({ "signing": {} }),
            serde_json::json!({ "sign": { "attempts": 3 } }),
        ] {
            assert!(serde_json::from_value::<SessionPolicy>(unknown).is_err());
        }
    }
}
