//! Whom to believe: the keys and older checkpoints that the user has, and what the
//! checkpoints of a bundle are worth by them.

use serde::Serialize;

use super::fault::{Fault, Reason};
use crate::bundle::Header;
use crate::checkpoint::SignedCheckpoint;
use crate::merkle::{EMPTY_ROOT, Hash};
use crate::note::VerifierKey;

/// What the user knows from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Keys of the log. None: those that the bundle gives.
    pub keys: Vec<VerifierKey>,
    /// Keys of witnesses, each of which must have cosigned some checkpoint.
    pub witnesses: Vec<VerifierKey>,
    /// Checkpoints that the user has seen before: the log must extend them.
    pub seen: Vec<SignedCheckpoint>,
}

/// How far a witness has followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WitnessedThrough {
    /// Name of the witness.
    pub witness: String,
    /// Position up to which it has cosigned.
    pub through: u64,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// Verified checkpoints, to be compared with the events that go by.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// By size.
    expected: Vec<(u64, Hash)>,
    next: usize,
    in_bundle: u64,
    signed_by: Vec<String>,
    signed_through: u64,
    witnessed: Vec<WitnessedThrough>,
    pinned: bool,
}

impl Checkpoints {
    pub(super) fn verify(
        header: &Header,
        bundled: &[SignedCheckpoint],
        trust: &Trust,
    ) -> Result<Self, Fault> {
        let pinned = !trust.keys.is_empty();
        let keys = if pinned { &trust.keys } else { &header.keys };
        let mut all = Self {
            expected: vec![],
            next: 0,
            in_bundle: bundled.len() as u64,
            signed_by: vec![],
            signed_through: 0,
            witnessed: vec![],
            pinned,
        };
        for signed in bundled.iter().chain(&trust.seen) {
            let signers = verified(signed, header, keys)?;
            let checkpoint = signed.checkpoint();
            let (size, root) = (checkpoint.size, checkpoint.root);
            if size == 0 && root != EMPTY_ROOT {
                return Err(Reason::Root { size }.at_end(0));
            }
            if size >= all.signed_through {
                all.signed_through = size;
                all.signed_by = signers;
            }
            all.expected.push((size, root));
            all.take_cosignatures(signed, trust)?;
        }
        if all.expected.is_empty() {
            return Err(Reason::NoCheckpoint.at_end(0));
        }
        let missing = trust.witnesses.iter().find(|key| {
            let mut there = all.witnessed.iter();
            !there.any(|seen| seen.witness == key.name())
        });
        if let Some(key) = missing {
            return Err(Reason::Witness(key.name().to_owned()).at_end(0));
        }
        all.expected.sort_by_key(|(size, _)| *size);
        all.next = all.expected.partition_point(|(size, _)| *size == 0);
        Ok(all)
    }

    fn take_cosignatures(&mut self, signed: &SignedCheckpoint, trust: &Trust) -> Result<(), Fault> {
        let through = signed.checkpoint().size;
        let refused = |fault| refused(signed, fault);
        for cosigned in signed.cosignatures(&trust.witnesses).map_err(refused)? {
            let seen = WitnessedThrough {
                witness: cosigned.witness,
                through,
                time: cosigned.time,
            };
            let mut known = self.witnessed.iter_mut();
            match known.find(|known| known.witness == seen.witness) {
                Some(known) if known.through < through => *known = seen,
                Some(_) => {}
                None => self.witnessed.push(seen),
            }
        }
        Ok(())
    }

    /// Compares the root of the events so far, where a checkpoint has their number.
    pub(super) fn compare(&mut self, size: u64, root: impl Fn() -> Hash) -> Result<(), Reason> {
        while let Some((_, expected)) = self.expected.get(self.next).filter(|(at, _)| *at == size) {
            if *expected != root() {
                return Err(Reason::Root { size });
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Checks that there are as many events as were signed.
    pub(super) fn check_end(&self, events: u64) -> Result<(), Fault> {
        match self.expected.last() {
            Some((size, _)) if *size > events => {
                let size = *size;
                Err(Reason::RolledBack { size, events }.at_end(events))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.expected.len() as u64
    }

    pub(super) fn in_bundle(&self) -> u64 {
        self.in_bundle
    }

    pub(super) fn signed_through(&self) -> u64 {
        self.signed_through
    }

    pub(super) fn signed_by(&self) -> Vec<String> {
        self.signed_by.clone()
    }

    pub(super) fn pinned(&self) -> bool {
        self.pinned
    }

    pub(super) fn witnessed(&self) -> &[WitnessedThrough] {
        &self.witnessed
    }
}

fn verified(
    signed: &SignedCheckpoint,
    header: &Header,
    keys: &[VerifierKey],
) -> Result<Vec<String>, Fault> {
    let origin = &signed.checkpoint().origin;
    if *origin != header.origin {
        let fault = crate::checkpoint::CheckpointFault::Origin {
            found: origin.clone(),
            expected: header.origin.clone(),
        };
        return Err(refused(signed, fault));
    }
    signed.verify(keys).map_err(|fault| refused(signed, fault))
}

fn refused(signed: &SignedCheckpoint, fault: crate::checkpoint::CheckpointFault) -> Fault {
    let size = Some(signed.checkpoint().size);
    Reason::Checkpoint { size, fault }.at_end(0)
}
