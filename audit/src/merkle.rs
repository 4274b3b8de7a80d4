//! The log as a Merkle tree (RFC 6962, section 2.1; RFC 9162, section 2.1).
//!
//! `tlog_tiles` does the arithmetic; here is what of a tree has to be kept.

mod proof;

pub use proof::{ConsistencyProof, InclusionProof, ProofError, ProofPlan};

use serde::{Deserialize, Serialize};
use tlog_tiles::tlog;

/// A SHA-256 hash: of a leaf, of a node, or of a tree.
pub type Hash = [u8; 32];

/// The root of the empty tree: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = tlog::EMPTY_HASH.0;

/// The right edge of a growing tree: the roots of the complete subtrees that it
/// consists of, the largest first. There are as many as its size has one bits, and
/// they are all that is needed to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Frontier {
    size: u64,
    edges: Vec<Hash>,
}

/// A frontier whose number of hashes does not fit its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} leaves has {} hashes at its edge, not {found}", size.count_ones())]
pub struct FrontierError {
    /// The size given.
    pub size: u64,
    /// How many hashes were given.
    pub found: usize,
}

/// As it is stored: the hashes in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    size: u64,
    edges: Vec<Hex>,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Hex(#[serde(with = "hex::serde")] Hash);

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frontier from its parts.
    ///
    /// # Errors
    ///
    /// When the number of hashes does not fit the size.
    pub fn from_parts(size: u64, edges: Vec<Hash>) -> Result<Self, FrontierError> {
        if edges.len() != size.count_ones() as usize {
            let found = edges.len();
            return Err(FrontierError { size, found });
        }
        Ok(Self { size, edges })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, the largest first.
    pub fn edges(&self) -> &[Hash] {
        &self.edges
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let hashes =
            tlog::stored_hashes_for_record_hash(self.size, tlog::Hash(leaf), &Edge(&self.edges))
                .expect("an edge has the hashes that are asked of it");
        // The leaf, and one node for each subtree that it completes.
        self.edges.truncate(self.edges.len() + 1 - hashes.len());
        self.edges.extend(hashes.last().map(|top| top.0));
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        tlog::tree_hash(self.size, &Edge(&self.edges))
            .expect("an edge has the hashes that are asked of it")
            .0
    }
}

impl TryFrom<Kept> for Frontier {
    type Error = FrontierError;

    fn try_from(kept: Kept) -> Result<Self, FrontierError> {
        let edges = kept.edges.into_iter().map(|hash| hash.0).collect();
        Self::from_parts(kept.size, edges)
    }
}

impl From<Frontier> for Kept {
    fn from(frontier: Frontier) -> Self {
        Self {
            size: frontier.size,
            edges: frontier.edges.into_iter().map(Hex).collect(),
        }
    }
}

/// Answers for the right edge, in the order in which it is asked: an append asks for
/// the subtrees that it completes, a root for all of them.
struct Edge<'a>(&'a [Hash]);

impl tlog::HashReader for Edge<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let from = self.0.len().checked_sub(indexes.len());
        let hashes = from.map(|from| self.0[from..].iter().copied().map(tlog::Hash).collect());
        hashes.ok_or(tlog::Error::IndexesNotInTree)
    }
}
