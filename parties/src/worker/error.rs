//! Why a worker cannot run.

use countersign_domain::ids::PartyId;
use countersign_messaging::{BusError, FeedError};

/// Why a worker did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The pinned roster does not know the party.
    #[error(
        "party `{party}` is not in the pinned roster: add its identity keys to the roster file \
         of every party"
    )]
    NotInRoster {
        /// This party.
        party: PartyId,
    },
    /// The pinned roster has other keys for the party than its vault.
    #[error(
        "the identity keys in the vault of party `{party}` are not those that the pinned roster \
         has for it: the vault or the roster file is another one than it should be"
    )]
    IdentityMismatch {
        /// This party.
        party: PartyId,
    },
    /// There is no engine to run.
    #[error("party `{party}` has no engine that this build knows")]
    NoEngine {
        /// This party.
        party: PartyId,
    },
    /// The bus refused a subscription.
    #[error("cannot subscribe to `{subject}`")]
    Subscribe {
        /// To what.
        subject: String,
        /// Why.
        #[source]
        source: BusError,
    },
    /// The feed refused to be followed.
    #[error("cannot follow the events of sessions")]
    Follow {
        /// Why.
        #[source]
        source: FeedError,
    },
    /// The bus shut down under the worker.
    #[error("the bus shut down")]
    BusClosed,
}
