//! Everything checked again, offline, with no trust in whoever wrote it.
//!
//! In this order for each event: its line is the one canonical form of what it says;
//! position, version and hash of the event before follow on; at the size of each
//! checkpoint the root of the tree is the one that was signed; it decodes; it can
//! follow in the state that its account, key or session is in; and whatever was
//! signed for it was signed by whom it says.
//!
//! Lines are parsed and signatures are checked on all cores, some thousands at a
//! time. What is reported is the fault of the first event that has one, so the answer
//! is the same on any machine.

mod events;
mod fault;
mod jobs;
mod meaning;
mod trust;

pub use fault::{Fault, Reason};
pub use trust::{Trust, WitnessedThrough};

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use countersign_event_store::LogError;
use serde::Serialize;

use crate::bundle::{BundleReader, Damage, Footer, Header, Item, Lines};
use crate::checkpoint::SignedCheckpoint;
use crate::source::PersonalKeyMap;
use events::Events;
use meaning::Registrations;
use trust::Checkpoints;

/// How many events are checked at a time.
const CHUNK: usize = 4096;

/// The most bytes that are checked at a time, but for a single event.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// How deep to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Order, hashes, roots and the signatures of checkpoints.
    Structure,
    /// That, and what the events mean.
    #[default]
    Meaning,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Which log.
    pub origin: String,
    /// How many events.
    pub events: u64,
    /// In how many streams.
    pub streams: u64,
    /// How many accounts.
    pub accounts: u64,
    /// Registrations that are in clear: stored before personal data were sealed.
    pub registrations_in_clear: u64,
    /// Sealed registrations that were opened and checked.
    pub registrations_opened: u64,
    /// Sealed registrations that were not opened, for want of a key.
    pub registrations_sealed: u64,
    /// Accounts whose personal data were erased.
    pub accounts_erased: u64,
    /// How many keys.
    pub keys: u64,
    /// How many sessions.
    pub sessions: u64,
    /// Root of the tree of all events.
    #[serde(with = "hex::serde")]
    pub root: [u8; 32],
    /// How many checkpoints were compared, those given by the user among them.
    pub checkpoints: u64,
    /// Position up to which the events are signed.
    pub signed_through: u64,
    /// Events after that.
    pub unsigned_events: u64,
    /// Names of the keys that signed the newest checkpoint.
    pub signed_by: Vec<String>,
    /// Whether those keys were given by the user, and not by the bundle.
    pub pinned: bool,
    /// Through which position each witness has cosigned.
    pub witnesses: Vec<WitnessedThrough>,
    /// Intents, receipts and signatures that were verified.
    pub signatures: u64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Events parsed, hashed and compared a second.
    pub events_per_second: u64,
    /// Intents, receipts and signatures verified a second.
    pub signatures_per_second: u64,
    /// What a reader should know that is no fault.
    pub remarks: Vec<String>,
}

/// Checks a log whose events come in one by one.
#[derive(Debug)]
pub struct Verifier {
    header: Header,
    checkpoints: Checkpoints,
    events: Events,
    begun: Instant,
}

impl Verifier {
    /// Begins with what stands before the events: the checkpoints, whose signatures
    /// are verified here.
    ///
    /// # Errors
    ///
    /// The fault of a checkpoint.
    pub fn new(
        header: Header,
        checkpoints: &[SignedCheckpoint],
        trust: &Trust,
        depth: Depth,
    ) -> Result<Self, Fault> {
        Ok(Self {
            checkpoints: Checkpoints::verify(&header, checkpoints, trust)?,
            header,
            events: Events::new(depth),
            begun: Instant::now(),
        })
    }

    /// With keys to the personal data of accounts, so that their registrations can be
    /// checked too.
    #[must_use]
    pub fn with_personal_keys(self, keys: PersonalKeyMap) -> Self {
        Self {
            events: self.events.with_personal_keys(keys),
            ..self
        }
    }

    /// Checks the next events.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn check(&mut self, lines: &Lines) -> Result<(), Fault> {
        self.events.check(lines, &mut self.checkpoints)
    }

    /// Checks that these were all, and sums up.
    ///
    /// # Errors
    ///
    /// The fault that shows at the end.
    pub fn finish(self, footer: Option<&Footer>) -> Result<Summary, Fault> {
        let Self {
            header,
            checkpoints,
            events,
            begun,
        } = self;
        let (size, root) = (events.size(), events.root());
        events.check_end()?;
        checkpoints.check_end(size)?;
        if size != header.to {
            let (announced, found) = (header.to, size);
            return Err(Reason::Count { announced, found }.at_end(size));
        }
        if let Some(footer) = footer {
            let (announced, found) = (footer.events, size);
            if announced != found {
                return Err(Reason::Count { announced, found }.at_end(size));
            }
            if footer.root != root {
                return Err(Reason::FooterRoot.at_end(size));
            }
            let given = checkpoints.in_bundle();
            if footer.checkpoints != given {
                let announced = footer.checkpoints;
                return Err(Reason::Checkpoints { announced, given }.at_end(size));
            }
        }
        let elapsed = begun.elapsed();
        let signed_through = checkpoints.signed_through();
        let unsigned_events = size.saturating_sub(signed_through);
        let registrations = events.registrations();
        let mut remarks = remarks(&checkpoints, unsigned_events, signed_through);
        remarks.extend(on_personal_data(&registrations));
        let rate = |count: u64, took: std::time::Duration| {
            (count as f64 / took.as_secs_f64().max(1e-9)).round() as u64
        };
        Ok(Summary {
            origin: header.origin,
            events: size,
            streams: events.streams(),
            accounts: events.accounts(),
            registrations_in_clear: registrations.in_clear,
            registrations_opened: registrations.opened,
            registrations_sealed: registrations.sealed,
            accounts_erased: registrations.erased,
            keys: events.keys(),
            sessions: events.sessions(),
            root,
            checkpoints: checkpoints.count(),
            signed_through,
            unsigned_events,
            signed_by: checkpoints.signed_by(),
            pinned: checkpoints.pinned(),
            witnesses: checkpoints.witnessed().to_vec(),
            signatures: events.signatures(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            events_per_second: rate(size, events.time_of_structure()),
            signatures_per_second: rate(events.signatures(), events.time_of_signatures()),
            remarks,
        })
    }
}

fn remarks(checkpoints: &Checkpoints, unsigned: u64, through: u64) -> Vec<String> {
    let mut remarks = vec![];
    if !checkpoints.pinned() {
        remarks.push(
            "not pinned: the key of the checkpoints is the one in the bundle itself; whoever \
             made the bundle could have made the key. Get the key from the log's operator, and \
             verify with --key"
                .to_owned(),
        );
    }
    if unsigned > 0 {
        remarks.push(format!(
            "events after position {through}, newer than the newest checkpoint: {unsigned}. \
             Nothing signed vouches that they are all, or that they stay"
        ));
    }
    remarks
}

fn on_personal_data(registrations: &Registrations) -> Vec<String> {
    let mut remarks = vec![];
    let Registrations {
        sealed,
        erased,
        erased_with_key,
        ..
    } = registrations;
    if *sealed > 0 {
        remarks.push(format!(
            "sealed registrations that were not opened: {sealed}. Their own signatures, and that \
             their names are unique, were not checked; export with --with-personal-keys for that"
        ));
    }
    if *erased > 0 {
        remarks.push(format!(
            "erased accounts: {erased}. What their registrations said is gone for good"
        ));
    }
    if *erased_with_key > 0 {
        remarks.push(format!(
            "keys of erased accounts that are still here: {erased_with_key}. Destroy them with \
             this copy"
        ));
    }
    remarks
}

/// Verifies a bundle.
///
/// # Errors
///
/// The first fault.
pub fn verify_bundle(path: &Path, trust: &Trust, depth: Depth) -> Result<Summary, Fault> {
    let mut reader = BundleReader::open(path).map_err(|damage| Reason::from(damage).at_end(0))?;
    let (header, checkpoints, keys) = opening(&mut reader)?;
    let verifier = Verifier::new(header, &checkpoints, trust, depth)?;
    let mut verifier = verifier.with_personal_keys(keys);
    // Unpacking goes on while the chunk before is checked.
    let (send, receive) = sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || read(reader, &send));
        for read in receive {
            match read {
                Read::Events(lines) => verifier.check(&lines)?,
                Read::Footer(footer) => return verifier.finish(Some(&footer)),
                Read::Damage(damage) => {
                    let position = verifier.events.size();
                    return Err(Reason::from(damage).at_end(position));
                }
            }
        }
        let position = verifier.events.size();
        Err(Reason::from(Damage::Truncated).at_end(position))
    })
}

/// The fault of a log that could not be read beyond a position.
pub fn verify_unreadable(after: u64, error: &LogError) -> Fault {
    Reason::Unreadable(error.to_string()).at_end(after)
}

/// What stands before the events.
type Opening = (Header, Vec<SignedCheckpoint>, PersonalKeyMap);

/// Header, checkpoints and keys to personal data.
fn opening(reader: &mut BundleReader) -> Result<Opening, Fault> {
    let mut header = None;
    let mut keys = PersonalKeyMap::new();
    let mut checkpoints = vec![];
    loop {
        let item = reader.next_item().map_err(|d| Reason::from(d).at_end(0))?;
        match item {
            Some(Item::Header(read)) => header = Some(read),
            Some(Item::Checkpoint(note)) => {
                let parsed = SignedCheckpoint::parse(&note);
                checkpoints.push(parsed.map_err(|fault| {
                    let size = None;
                    Reason::Checkpoint { size, fault }.at_end(0)
                })?);
            }
            Some(Item::Section(name)) if name == crate::bundle::EVENTS => match header {
                Some(header) => return Ok((header, checkpoints, keys)),
                None => return Err(Reason::from(Damage::Truncated).at_end(0)),
            },
            Some(Item::Section(_)) => {}
            Some(Item::PersonalKey(account, key)) => {
                if keys.insert(account, key).is_some() {
                    let twice = Damage::Line("the key of an account is there twice");
                    return Err(Reason::from(twice).at_end(0));
                }
            }
            Some(Item::Event(_) | Item::Footer(_)) | None => {
                return Err(Reason::from(Damage::Truncated).at_end(0));
            }
        }
    }
}

/// What the reading thread hands over.
enum Read {
    Events(Lines),
    Footer(Footer),
    Damage(Damage),
}

fn read(mut reader: BundleReader, send: &SyncSender<Read>) {
    let mut lines = Lines::default();
    // Whoever has found a fault does not listen any more.
    let hand_over = |read| send.send(read).is_ok();
    let mut footer = None;
    loop {
        match reader.next_item() {
            Ok(Some(Item::Event(line))) => {
                lines.push(line);
                let full = lines.len() >= CHUNK || lines.bytes() >= CHUNK_BYTES;
                if full && !hand_over(Read::Events(std::mem::take(&mut lines))) {
                    return;
                }
            }
            Ok(Some(Item::Footer(read))) => footer = Some(read),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(damage) => {
                let _ = hand_over(Read::Events(lines)) && hand_over(Read::Damage(damage));
                return;
            }
        }
    }
    let _ = hand_over(Read::Events(lines))
        && footer.is_none_or(|footer| hand_over(Read::Footer(footer)));
}
