//! A bundle in memory, to be tampered with.

use std::collections::HashMap;

use countersign_audit::bundle::{Footer, Header, Lines};
use countersign_audit::verify::{Depth, Fault, Summary, Trust, Verifier};
use countersign_audit::{Checkpoint, Frontier, Hash, SignedCheckpoint, SigningKey};
use countersign_event_store::Envelope;
use zeroize::Zeroizing;

pub(crate) const ORIGIN: &str = "countersign.example/log";

/// The key of the log.
pub(crate) fn log_key() -> SigningKey {
    SigningKey::new(ORIGIN, &Zeroizing::new([7; 32])).expect("a name")
}

/// A key of somebody else, with the same name.
pub(crate) fn other_key() -> SigningKey {
    SigningKey::new(ORIGIN, &Zeroizing::new([8; 32])).expect("a name")
}

/// What an auditor has who got the key beforehand.
pub(crate) fn pinned() -> Trust {
    Trust {
        keys: vec![log_key().verifier().clone()],
        ..Trust::default()
    }
}

#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) header: Header,
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) footer: Footer,
}

impl Bundle {
    /// These events, with checkpoints of these sizes.
    pub(crate) fn of(events: &[Envelope], sizes: &[u64]) -> Self {
        let lines: Vec<_> = events.iter().map(Envelope::canonical).collect();
        let mut bundle = Self {
            header: Header::new("test", ORIGIN, 0, vec![log_key().verifier().clone()]),
            checkpoints: vec![],
            lines,
            footer: Footer {
                events: 0,
                checkpoints: 0,
                root: Hash::default(),
            },
        };
        bundle.checkpoints = sizes
            .iter()
            .map(|size| bundle.checkpoint(*size, &log_key()))
            .collect();
        bundle.close();
        bundle
    }

    pub(crate) fn size(&self) -> u64 {
        self.lines.len() as u64
    }

    /// A checkpoint of the first events.
    pub(crate) fn checkpoint(&self, size: u64, key: &SigningKey) -> SignedCheckpoint {
        let taken = usize::try_from(size).expect("small");
        let root = frontier(&self.lines[..taken]).root();
        signed(size, root, key)
    }

    /// Makes header and footer say what there is, as whoever tampers can.
    pub(crate) fn close(&mut self) {
        self.header.to = self.size();
        self.footer = Footer {
            events: self.size(),
            checkpoints: self.checkpoints.len() as u64,
            root: frontier(&self.lines).root(),
        };
    }

    pub(crate) fn verify(&self, trust: &Trust, depth: Depth) -> Result<Summary, Fault> {
        let header = self.header.clone();
        let mut verifier = Verifier::new(header, &self.checkpoints, trust, depth)?;
        let mut lines = Lines::default();
        self.lines.iter().for_each(|line| lines.push(line));
        verifier.check(&lines)?;
        verifier.finish(Some(&self.footer))
    }
}

pub(crate) fn signed(size: u64, root: Hash, key: &SigningKey) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root,
        extensions: vec![],
    };
    checkpoint.sign(key).expect("a checkpoint")
}

pub(crate) fn frontier(lines: &[Vec<u8>]) -> Frontier {
    let mut frontier = Frontier::new();
    for line in lines {
        frontier.push(leaf(line));
    }
    frontier
}

pub(crate) fn leaf(line: &[u8]) -> Hash {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update([0]);
    hasher.update(line);
    hasher.finalize().into()
}

/// Numbers events anew and links them again, as whoever rewrites a log can.
pub(crate) fn heal(events: &mut [Envelope]) {
    let mut tails = HashMap::new();
    for (position, event) in (1..).zip(events) {
        event.position = position;
        let (version, hash) = tails.get(&event.stream).copied().unwrap_or_default();
        event.version = version + 1;
        event.previous_hash = hash;
        tails.insert(event.stream.clone(), (event.version, event.hash()));
    }
}
