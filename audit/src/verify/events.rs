//! The events, one after another: form, order, hashes, roots, meaning.

use std::time::{Duration, Instant};

use countersign_domain::decider::StoredEvent;
use countersign_event_store::canonical::{self, CanonicalText};
use countersign_event_store::{ChainVerifier, Decoded, Decoder, Envelope};
use rayon::prelude::*;

use super::Depth;
use super::fault::{Fault, Reason};
use super::jobs::{self, Job};
use super::meaning::{Meaning, Registrations};
use super::trust::Checkpoints;
use crate::bundle::Lines;
use crate::merkle::{Frontier, Hash};
use crate::source::PersonalKeyMap;

#[derive(Debug)]
pub(super) struct Events {
    chain: ChainVerifier,
    frontier: Frontier,
    decoder: Decoder,
    meaning: Option<Meaning>,
    signatures: u64,
    time_of_structure: Duration,
    time_of_signatures: Duration,
}

/// A line that was parsed.
struct Parsed {
    envelope: Envelope<CanonicalText>,
    hash: Hash,
    decoded: Option<Result<Decoded, Reason>>,
}

impl Events {
    pub(super) fn new(depth: Depth) -> Self {
        Self {
            chain: ChainVerifier::new(),
            frontier: Frontier::new(),
            decoder: Decoder::default(),
            meaning: (depth == Depth::Meaning).then(Meaning::default),
            signatures: 0,
            time_of_structure: Duration::ZERO,
            time_of_signatures: Duration::ZERO,
        }
    }

    /// With keys to personal data.
    pub(super) fn with_personal_keys(mut self, keys: PersonalKeyMap) -> Self {
        self.meaning = self.meaning.map(|meaning| meaning.with_personal_keys(keys));
        self
    }

    pub(super) fn registrations(&self) -> Registrations {
        let meaning = self.meaning.as_ref();
        meaning.map(Meaning::registrations).unwrap_or_default()
    }

    /// Checks these events; `checkpoints` are compared on the way.
    pub(super) fn check(
        &mut self,
        lines: &Lines,
        checkpoints: &mut Checkpoints,
    ) -> Result<(), Fault> {
        let begun = Instant::now();
        let parsed: Vec<_> = lines
            .all()
            .into_par_iter()
            .with_min_len(64)
            .map(|line| self.parse(line))
            .collect();
        let mut jobs = vec![];
        let in_order = parsed
            .into_iter()
            .try_for_each(|parsed| self.take(parsed, checkpoints, &mut jobs));
        let ordered = Instant::now();
        self.time_of_structure += ordered - begun;
        // An event with a wrong signature may come before the one that is out of place.
        self.signatures += jobs::run(jobs)?;
        self.time_of_signatures += ordered.elapsed();
        in_order
    }

    fn parse(&self, line: &[u8]) -> Result<Parsed, Reason> {
        let (envelope, hash) =
            Envelope::from_canonical(line).map_err(|error| Reason::Line(error.to_string()))?;
        let decoded = self.meaning.is_some().then(|| {
            let decoded = self.decoder.decode_line(&envelope);
            let decoded = decoded.map_err(|error| Reason::Undecodable(error.to_string()))?;
            if is_as_written(&envelope, &decoded) {
                Ok(decoded)
            } else {
                Err(Reason::Payload)
            }
        });
        Ok(Parsed {
            envelope,
            hash,
            decoded,
        })
    }

    fn take(
        &mut self,
        parsed: Result<Parsed, Reason>,
        checkpoints: &mut Checkpoints,
        jobs: &mut Vec<Job>,
    ) -> Result<(), Fault> {
        let Parsed {
            envelope,
            hash,
            decoded,
        } = parsed.map_err(|reason| Fault {
            position: self.size() + 1,
            event: None,
            reason,
        })?;
        let at = |reason: Reason| reason.of(&envelope);
        self.chain
            .check_hashed(&envelope, hash)
            .map_err(|error| at(Reason::Chain(error)))?;
        self.frontier.push(hash);
        checkpoints
            .compare(self.frontier.size(), || self.frontier.root())
            .map_err(at)?;
        if let (Some(meaning), Some(decoded)) = (&mut self.meaning, decoded) {
            let decoded = decoded.map_err(at)?;
            let work = meaning.take(&envelope, decoded).map_err(at)?;
            jobs.extend(work.map(|work| Job::new(&envelope, work)));
        }
        Ok(())
    }

    /// Checks that nothing is missing that was recorded together with the last event.
    pub(super) fn check_end(&self) -> Result<(), Fault> {
        match self.meaning.as_ref().and_then(Meaning::missing) {
            Some(event) => Err(Reason::Missing(event).at_end(self.size())),
            None => Ok(()),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(super) fn root(&self) -> Hash {
        self.frontier.root()
    }

    pub(super) fn streams(&self) -> u64 {
        self.chain.streams() as u64
    }

    pub(super) fn accounts(&self) -> u64 {
        self.meaning.as_ref().map_or(0, Meaning::accounts)
    }

    pub(super) fn keys(&self) -> u64 {
        self.meaning.as_ref().map_or(0, Meaning::keys)
    }

    pub(super) fn sessions(&self) -> u64 {
        self.meaning.as_ref().map_or(0, Meaning::sessions)
    }

    pub(super) fn signatures(&self) -> u64 {
        self.signatures
    }

    pub(super) fn time_of_structure(&self) -> Duration {
        self.time_of_structure
    }

    pub(super) fn time_of_signatures(&self) -> Duration {
        self.time_of_signatures
    }
}

/// Whether the payload is the one way in which this event is written: the same bytes in
/// other letters would say the same and hash to something else. Events of an earlier
/// version are brought up to this one, and compared by what they say alone.
fn is_as_written(envelope: &Envelope<CanonicalText>, decoded: &Decoded) -> bool {
    fn same(envelope: &Envelope<CanonicalText>, event: &impl StoredEvent) -> bool {
        let written = || serde_json::to_value(event).map(|event| canonical::to_vec(&event));
        event.version() != envelope.event_version
            || written().is_ok_and(|written| written == envelope.payload.as_str().as_bytes())
    }
    match decoded {
        Decoded::Account(_, event) => same(envelope, event),
        Decoded::Key(_, event) => same(envelope, event),
        Decoded::Session(_, event) => same(envelope, &**event),
        Decoded::Other => true,
    }
}
