//! Proof of a single event: that it stands in the log that was signed.

use std::path::Path;

use countersign_event_store::{Envelope, LogError};
use serde::{Deserialize, Serialize};

use crate::bundle::{BundleReader, Damage, Item};
use crate::checkpoint::{CheckpointFault, SignedCheckpoint};
use crate::merkle::{Hash, InclusionProof, ProofError, ProofPlan};
use crate::note::VerifierKey;
use crate::source::Source;

/// How many events are read at once.
const PAGE: usize = 1000;

/// What the document's `proof` says.
const FORMAT: &str = "countersign-inclusion";

/// An event with the proof that it stands in a log, as one JSON document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionDocument {
    /// What this is.
    pub proof: String,
    /// Version of the document.
    pub version: u32,
    /// Position of the event.
    pub position: u64,
    /// Hash of the event: the leaf.
    #[serde(with = "hex::serde")]
    pub leaf_hash: Hash,
    /// Index of the leaf, size of the tree, and the hashes up to its root.
    pub inclusion: InclusionProof,
    /// The signed root, a note.
    pub checkpoint: String,
    /// Keys of the log, as the document's maker says: pin your own.
    pub keys: Vec<VerifierKey>,
    /// The event, its canonical form.
    pub event: String,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoProof {
    /// The event is not covered.
    #[error(
        "position {position} is not in the newest checkpoint, which is over {size} events: ask \
         for one from 1 to {size}, or wait for the next checkpoint"
    )]
    NotCovered {
        /// The position asked for.
        position: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// There is no checkpoint.
    #[error("there is no checkpoint yet: nothing to prove anything against")]
    NoCheckpoint,
    /// The log is not the one that was signed.
    #[error("the events do not lead to the root that was signed: verify the log as a whole")]
    OtherRoot,
    /// The log ends before the checkpoint.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The bundle cannot be read.
    #[error(transparent)]
    Bundle(#[from] Damage),
    /// A checkpoint cannot be read.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(#[from] CheckpointFault),
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// It is no such document.
    #[error("this is no inclusion proof of version 1")]
    Document,
    /// The event is not the one that the proof is about.
    #[error("the event does not have this position and hash")]
    Event,
    /// The checkpoint is refused.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(#[from] CheckpointFault),
    /// The hashes do not lead to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Gathers a proof while the events go by.
struct Gatherer {
    position: u64,
    plan: ProofPlan,
    event: Vec<u8>,
    leaf_hash: Hash,
}

impl Gatherer {
    fn new(position: u64, checkpoint: &SignedCheckpoint) -> Result<Self, NoProof> {
        let size = checkpoint.checkpoint().size;
        let index = position.checked_sub(1).filter(|index| *index < size);
        let index = index.ok_or(NoProof::NotCovered { position, size })?;
        Ok(Self {
            position,
            plan: ProofPlan::inclusion(index, size)?,
            event: vec![],
            leaf_hash: Hash::default(),
        })
    }

    fn take(&mut self, position: u64, text: Vec<u8>, hash: Hash) {
        self.plan.push(hash);
        if position == self.position {
            self.event = text;
            self.leaf_hash = hash;
        }
    }

    fn finish(
        self,
        checkpoint: &SignedCheckpoint,
        keys: Vec<VerifierKey>,
    ) -> Result<InclusionDocument, NoProof> {
        let inclusion = self.plan.into_inclusion()?;
        let root = checkpoint.checkpoint().root;
        if inclusion.verify(self.leaf_hash, root).is_err() {
            return Err(NoProof::OtherRoot);
        }
        Ok(InclusionDocument {
            proof: FORMAT.to_owned(),
            version: 1,
            position: self.position,
            leaf_hash: self.leaf_hash,
            inclusion,
            checkpoint: checkpoint.to_string(),
            keys,
            event: String::from_utf8_lossy(&self.event).into_owned(),
        })
    }
}

/// Proves that the event at a position is in the log that `checkpoint` is about.
///
/// # Errors
///
/// [`NoProof`].
pub async fn prove(
    source: &dyn Source,
    position: u64,
    checkpoint: &SignedCheckpoint,
    keys: Vec<VerifierKey>,
) -> Result<InclusionDocument, NoProof> {
    let mut gatherer = Gatherer::new(position, checkpoint)?;
    let size = gatherer.plan.size();
    let mut after = 0;
    while after < size {
        let left = usize::try_from(size - after).unwrap_or(PAGE);
        let page = source.read(after, left.min(PAGE)).await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            let text = event.canonical();
            after = event.position;
            gatherer.take(after, text, event.hash());
        }
    }
    gatherer.finish(checkpoint, keys)
}

/// Proves that the event at a position is in a bundle's log, by its newest checkpoint.
///
/// # Errors
///
/// [`NoProof`].
pub fn prove_from_bundle(path: &Path, position: u64) -> Result<InclusionDocument, NoProof> {
    let mut reader = BundleReader::open(path)?;
    let mut keys = vec![];
    let mut newest: Option<SignedCheckpoint> = None;
    let mut gatherer = None;
    let mut at = 0;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Header(header) => keys = header.keys,
            Item::Checkpoint(note) => {
                let signed = SignedCheckpoint::parse(&note)?;
                let size = |it: &SignedCheckpoint| it.checkpoint().size;
                if newest
                    .as_ref()
                    .is_none_or(|known| size(known) <= size(&signed))
                {
                    newest = Some(signed);
                }
            }
            Item::Event(line) => {
                let gatherer = match &mut gatherer {
                    Some(gatherer) => gatherer,
                    None => {
                        let newest = newest.as_ref().ok_or(NoProof::NoCheckpoint)?;
                        gatherer.insert(Gatherer::new(position, newest)?)
                    }
                };
                at += 1;
                let (_, hash) = Envelope::from_canonical(line)
                    .map_err(|_| Damage::Line("an event in canonical form"))?;
                gatherer.take(at, line.to_vec(), hash);
            }
            Item::Section(_) | Item::PersonalKey(..) | Item::Footer(_) => {}
        }
    }
    let newest = newest.ok_or(NoProof::NoCheckpoint)?;
    let size = newest.checkpoint().size;
    let gatherer = gatherer.ok_or(NoProof::NotCovered { position, size })?;
    gatherer.finish(&newest, keys)
}

impl InclusionDocument {
    /// Verifies that the event is in the log that one of these keys signed; with no
    /// keys, one of those in the document. Returns the event.
    ///
    /// # Errors
    ///
    /// [`ProofFault`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Envelope, ProofFault> {
        if self.proof != FORMAT || self.version != 1 {
            return Err(ProofFault::Document);
        }
        let (event, hash) =
            Envelope::from_canonical(self.event.as_bytes()).map_err(|_| ProofFault::Event)?;
        let in_place = event.position == self.position
            && self.inclusion.index.checked_add(1) == Some(self.position)
            && hash == self.leaf_hash;
        if !in_place {
            return Err(ProofFault::Event);
        }
        let signed = SignedCheckpoint::parse(&self.checkpoint)?;
        signed.verify(if keys.is_empty() { &self.keys } else { keys })?;
        let checkpoint = signed.checkpoint();
        if checkpoint.size != self.inclusion.size {
            return Err(ProofError::Invalid.into());
        }
        self.inclusion.verify(hash, checkpoint.root)?;
        Ok(event.parsed())
    }
}
