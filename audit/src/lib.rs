//! Proof of the event log: what an auditor needs to trust nobody.
//!
//! - [`merkle`]: the log as a Merkle tree (RFC 6962, RFC 9162): roots from a
//!   [`Frontier`] of a few hashes, inclusion and consistency proofs.
//! - [`note`] and [`checkpoint`]: a root that was signed, as others sign theirs (C2SP
//!   signed note, tlog-checkpoint, tlog-cosignature).
//! - [`Checkpointer`]: follows a log and signs its growth, beside the appends.
//! - [`Published`]: the newest checkpoint, told to others.
//! - [`bundle`] and [`export()`]: a log and its checkpoints in one file.
//! - [`verify`]: everything checked again, offline: order, hashes, roots, signatures,
//!   and then what the events say.
//!
//! Invariants:
//!
//! - the leaf at index `position - 1` is [`countersign_event_store::Envelope::hash`];
//! - a checkpointer never signs a tree that does not extend the one it signed before;
//! - the verifier names the first fault, by position, whatever runs in parallel;
//! - no error carries a payload, a token or a key.

pub mod bundle;
pub mod checkpoint;
mod checkpointer;
mod export;
mod files;
mod lead;
pub mod merkle;
pub mod metrics;
pub mod note;
mod prove;
mod published;
mod source;
pub mod verify;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use checkpointer::{CheckpointError, CheckpointStore, Checkpointer, Kept, Pace, StoreError};
pub use export::{ExportError, Exported, export, export_with_keys};
pub use files::FileCheckpoints;
pub use lead::{LEASE, Signer};
pub use merkle::{Frontier, Hash};
pub use note::{SigningKey, VerifierKey};
pub use prove::{InclusionDocument, NoProof, ProofFault, prove, prove_from_bundle};
pub use published::{NotPublished, Published, Publishing};
pub use source::{PersonalKeyMap, Source};
