//! Proofs that a leaf is in a tree, and that a tree is the beginning of another.
//!
//! A proof needs a few hashes out of the whole tree. A [`ProofPlan`] knows which, and
//! gathers them while the leaves go by once, in order, with a frontier's memory.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use tlog_tiles::tlog;

use super::{Frontier, Hash, Hex};

/// Proof that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Index of the leaf, from 0.
    pub index: u64,
    /// Number of leaves of the tree.
    pub size: u64,
    /// Hashes from the leaf's sibling up.
    #[serde(with = "path")]
    pub path: Vec<Hash>,
}

/// Proof that a tree is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// Number of leaves of the smaller tree.
    pub old_size: u64,
    /// Number of leaves of the larger tree.
    pub size: u64,
    /// The hashes.
    #[serde(with = "path")]
    pub path: Vec<Hash>,
}

/// Why there is no proof, or it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf.
    #[error("a tree of {size} leaves has none at index {index}")]
    NoLeaf {
        /// The index asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// There is no such beginning.
    #[error("a tree of {size} leaves does not begin with one of {old_size}")]
    NoBeginning {
        /// The size of the smaller tree.
        old_size: u64,
        /// The size of the larger one.
        size: u64,
    },
    /// Not all leaves went by.
    #[error("{seen} leaves went by of {size}")]
    Short {
        /// Leaves seen.
        seen: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Invalid,
}

/// Which hashes a proof needs, and those gathered so far.
#[derive(Debug)]
pub struct ProofPlan {
    goal: Goal,
    needs: Vec<Subtree>,
    /// The one of them that is being gathered.
    current: usize,
    part: Frontier,
    seen: u64,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    Inclusion { index: u64, size: u64 },
    Consistency { old_size: u64, size: u64 },
}

/// A complete subtree: `2^level` leaves from `first` on.
#[derive(Debug)]
struct Subtree {
    index: u64,
    first: u64,
    leaves: u64,
    root: Option<Hash>,
}

impl ProofPlan {
    /// For a proof that the leaf at `index` is in the tree of `size` leaves.
    ///
    /// # Errors
    ///
    /// [`ProofError::NoLeaf`].
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        if index >= size {
            return Err(ProofError::NoLeaf { index, size });
        }
        Ok(Self::of(Goal::Inclusion { index, size }))
    }

    /// For a proof that the tree of `size` leaves begins with that of `old_size`.
    ///
    /// # Errors
    ///
    /// [`ProofError::NoBeginning`].
    pub fn consistency(old_size: u64, size: u64) -> Result<Self, ProofError> {
        if old_size == 0 || old_size > size {
            return Err(ProofError::NoBeginning { old_size, size });
        }
        Ok(Self::of(Goal::Consistency { old_size, size }))
    }

    fn of(goal: Goal) -> Self {
        let asked = Asked::default();
        // What comes of hashes that are not there is of no interest.
        let _ = goal.path(&asked);
        let mut needs: Vec<_> = asked.0.into_inner().into_iter().map(Subtree::at).collect();
        needs.sort_by_key(|subtree| subtree.first);
        Self {
            goal,
            needs,
            current: 0,
            part: Frontier::new(),
            seen: 0,
        }
    }

    /// Number of leaves of the tree: those after it are of no use.
    pub fn size(&self) -> u64 {
        match self.goal {
            Goal::Inclusion { size, .. } | Goal::Consistency { size, .. } => size,
        }
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let index = self.seen;
        self.seen += 1;
        let Some(subtree) = self.needs.get_mut(self.current) else {
            return;
        };
        if index < subtree.first {
            return;
        }
        self.part.push(leaf);
        if self.part.size() == subtree.leaves {
            subtree.root = Some(self.part.root());
            self.part = Frontier::new();
            self.current += 1;
        }
    }

    /// The proof that a leaf is there, of a plan for that.
    ///
    /// # Errors
    ///
    /// [`ProofError::Short`]; [`ProofError::Invalid`] for a plan of the other kind.
    pub fn into_inclusion(self) -> Result<InclusionProof, ProofError> {
        let Goal::Inclusion { index, size } = self.goal else {
            return Err(ProofError::Invalid);
        };
        let path = self.path()?;
        Ok(InclusionProof { index, size, path })
    }

    /// The proof that a tree begins another, of a plan for that.
    ///
    /// # Errors
    ///
    /// [`ProofError::Short`]; [`ProofError::Invalid`] for a plan of the other kind.
    pub fn into_consistency(self) -> Result<ConsistencyProof, ProofError> {
        let Goal::Consistency { old_size, size } = self.goal else {
            return Err(ProofError::Invalid);
        };
        let path = self.path()?;
        Ok(ConsistencyProof {
            old_size,
            size,
            path,
        })
    }

    fn path(&self) -> Result<Vec<Hash>, ProofError> {
        let (seen, size) = (self.seen, self.size());
        if seen < size {
            return Err(ProofError::Short { seen, size });
        }
        let path = self.goal.path(&Gathered(&self.needs));
        let path = path.map_err(|_| ProofError::Invalid)?;
        Ok(path.into_iter().map(|hash| hash.0).collect())
    }
}

impl Goal {
    fn path(self, reader: &impl tlog::HashReader) -> Result<Vec<tlog::Hash>, tlog::Error> {
        match self {
            Self::Inclusion { index, size } => tlog::prove_record(size, index, reader),
            Self::Consistency { old_size, size } => tlog::prove_tree(size, old_size, reader),
        }
    }
}

impl Subtree {
    fn at(index: u64) -> Self {
        let (level, number) = tlog::split_stored_hash_index(index);
        Self {
            index,
            first: number << level,
            leaves: 1 << level,
            root: None,
        }
    }
}

impl InclusionProof {
    /// Verifies that `leaf` is in the tree with this root.
    ///
    /// # Errors
    ///
    /// [`ProofError::Invalid`] or [`ProofError::NoLeaf`].
    pub fn verify(&self, leaf: Hash, root: Hash) -> Result<(), ProofError> {
        let (index, size) = (self.index, self.size);
        if index >= size {
            return Err(ProofError::NoLeaf { index, size });
        }
        let path = self.path.iter().copied().map(tlog::Hash).collect();
        tlog::check_record(&path, size, tlog::Hash(root), index, tlog::Hash(leaf))
            .map_err(|_| ProofError::Invalid)
    }
}

impl ConsistencyProof {
    /// Verifies that the tree with the root `old` is the beginning of that with `root`.
    ///
    /// # Errors
    ///
    /// [`ProofError::Invalid`] or [`ProofError::NoBeginning`].
    pub fn verify(&self, old: Hash, root: Hash) -> Result<(), ProofError> {
        let (old_size, size) = (self.old_size, self.size);
        if old_size == 0 || old_size > size {
            return Err(ProofError::NoBeginning { old_size, size });
        }
        let path = self.path.iter().copied().map(tlog::Hash).collect();
        tlog::check_tree(&path, size, tlog::Hash(root), old_size, tlog::Hash(old))
            .map_err(|_| ProofError::Invalid)
    }
}

/// Notes which hashes are asked for.
#[derive(Default)]
struct Asked(RefCell<Vec<u64>>);

impl tlog::HashReader for Asked {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        self.0.borrow_mut().extend(indexes);
        Ok(vec![tlog::Hash::default(); indexes.len()])
    }
}

struct Gathered<'a>(&'a [Subtree]);

impl tlog::HashReader for Gathered<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let root = |index: &u64| {
            let subtree = self.0.iter().find(|subtree| subtree.index == *index);
            let root = subtree.and_then(|subtree| subtree.root);
            root.map(tlog::Hash).ok_or(tlog::Error::IndexesNotInTree)
        };
        indexes.iter().map(root).collect()
    }
}

/// A path as JSON: hashes in hex.
mod path {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Hash, Hex};

    pub(super) fn serialize<S: Serializer>(path: &[Hash], to: S) -> Result<S::Ok, S::Error> {
        let hashes: Vec<_> = path.iter().copied().map(Hex).collect();
        hashes.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
        let hashes = Vec::<Hex>::deserialize(from)?;
        Ok(hashes.into_iter().map(|hash| hash.0).collect())
    }
}
