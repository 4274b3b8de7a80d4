//! Reads a bundle line by line; it never holds more than a line and a frame.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use countersign_domain::ids::AccountId;
use countersign_event_store::PersonalKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    CHECKPOINTS, EVENTS, FORMAT, Footer, FooterLine, Header, KeyLine, MAX_LINE, NoteLine,
    PERSONAL_KEYS, Section, TRAILER, TRAILER_HEAD, VERSION,
};

/// The largest window of a frame that is decoded: 8 MiB.
const WINDOW_LOG: u32 = 23;

/// A line of a bundle.
#[derive(Debug)]
pub enum Item<'a> {
    /// The first.
    Header(Header),
    /// A section begins.
    Section(String),
    /// A signed checkpoint, as text.
    Checkpoint(String),
    /// The key to an account's personal data.
    PersonalKey(AccountId, PersonalKey),
    /// An event, without the line end.
    Event(&'a [u8]),
    /// The last.
    Footer(Footer),
}

/// What is wrong with a file as a bundle, whatever its events say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(String),
    /// It is not compressed as a bundle is, or was damaged.
    #[error("the compressed data is damaged: {0}")]
    Compression(String),
    /// It ends too early.
    #[error("the file ends too early: it was cut off")]
    Truncated,
    /// Its bytes are not those that were written.
    #[error("the file is damaged: its SHA-256 is not the one at its end")]
    Digest,
    /// The first line is not the header of a bundle.
    #[error("this is no audit bundle: {0}")]
    Header(&'static str),
    /// The header is of a later version.
    #[error("the bundle has format version {0}, and this program reads {VERSION}: use a newer one")]
    Version(u32),
    /// A section that this program does not know.
    #[error("the bundle has a section `{0}` that this program does not know: use a newer one")]
    UnknownSection(String),
    /// A section that is there twice or in another place.
    #[error("the section `{0}` is out of place")]
    Section(String),
    /// A line that does not belong where it is.
    #[error("a line of the bundle is not what it must be there: {0}")]
    Line(&'static str),
}

/// Tells what each line is, by those before it.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Header,
    Checkpoints,
    PersonalKeys,
    Events,
    End,
}

impl Splitter {
    /// What this line is.
    pub(super) fn take<'a>(&mut self, line: &'a [u8]) -> Result<Item<'a>, Damage> {
        let line = line.strip_suffix(b"\n").ok_or(Damage::Truncated)?;
        match self.place {
            Place::Start => {
                self.place = Place::Header;
                header(line).map(Item::Header)
            }
            Place::End => Err(Damage::Line("nothing comes after the footer")),
            _ if line.starts_with(b"{\"section\":") => self.section(line),
            Place::Header => Err(Damage::Line("a section must begin here")),
            Place::Checkpoints => {
                let line: NoteLine = parse(line, "a checkpoint")?;
                Ok(Item::Checkpoint(line.note))
            }
            Place::PersonalKeys => {
                let line: KeyLine = parse(line, "a key of personal data")?;
                let key = PersonalKey::new(Zeroizing::new(line.key));
                Ok(Item::PersonalKey(line.account, key))
            }
            Place::Events if line.starts_with(b"{\"footer\":") => {
                self.place = Place::End;
                let line: FooterLine = parse(line, "a footer")?;
                Ok(Item::Footer(line.footer))
            }
            Place::Events => Ok(Item::Event(line)),
        }
    }

    fn section<'a>(&mut self, line: &[u8]) -> Result<Item<'a>, Damage> {
        let Section { section } = parse(line, "the beginning of a section")?;
        self.place = match (section.as_str(), self.place) {
            (CHECKPOINTS, Place::Header) => Place::Checkpoints,
            (PERSONAL_KEYS, Place::Checkpoints) => Place::PersonalKeys,
            (EVENTS, Place::Checkpoints | Place::PersonalKeys) => Place::Events,
            (CHECKPOINTS | PERSONAL_KEYS | EVENTS, _) => return Err(Damage::Section(section)),
            _ => return Err(Damage::UnknownSection(section)),
        };
        Ok(Item::Section(section))
    }
}

fn header(line: &[u8]) -> Result<Header, Damage> {
    // A later version may have other fields: its number comes first.
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| Damage::Header("its first line is no JSON"))?;
    if value["bundle"] != FORMAT {
        return Err(Damage::Header("its first line does not say so"));
    }
    let version = value["version"].as_u64().unwrap_or_default();
    if version != u64::from(VERSION) {
        return Err(Damage::Version(u32::try_from(version).unwrap_or(u32::MAX)));
    }
    let header: Header = serde_json::from_value(value)
        .map_err(|_| Damage::Header("a field of its header is missing, unknown or wrong"))?;
    if header.from != 1 {
        return Err(Damage::Header("it does not begin with the first event"));
    }
    Ok(header)
}

fn parse<T: serde::de::DeserializeOwned>(line: &[u8], what: &'static str) -> Result<T, Damage> {
    serde_json::from_slice(line).map_err(|_| Damage::Line(what))
}

/// Some events as text, one after another.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// Adds an event, without a line end.
    pub fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The events.
    pub fn all(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
            .collect()
    }
}

/// See the module's documentation.
pub struct BundleReader {
    text: BufReader<zstd::Decoder<'static, BufReader<Hashed>>>,
    trailer: [u8; TRAILER as usize],
    splitter: Splitter,
    line: Vec<u8>,
}

/// The file without its trailer, hashed as it is read.
struct Hashed {
    file: io::Take<File>,
    digest: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

impl BundleReader {
    /// Opens a bundle.
    ///
    /// # Errors
    ///
    /// [`Damage`].
    pub fn open(path: &Path) -> Result<Self, Damage> {
        let io = |error: io::Error| Damage::Io(error.to_string());
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let frames = length.checked_sub(TRAILER).ok_or(Damage::Truncated)?;
        let mut trailer = [0; TRAILER as usize];
        file.seek(SeekFrom::Start(frames)).map_err(io)?;
        file.read_exact(&mut trailer).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let hashed = BufReader::with_capacity(
            128 * 1024,
            Hashed {
                file: file.take(frames),
                digest: Sha256::new(),
            },
        );
        let mut decoder =
            zstd::Decoder::with_buffer(hashed).map_err(|error| compression(&error))?;
        decoder
            .window_log_max(WINDOW_LOG)
            .map_err(|error| compression(&error))?;
        Ok(Self {
            text: BufReader::with_capacity(128 * 1024, decoder),
            trailer,
            splitter: Splitter::default(),
            line: vec![],
        })
    }

    /// The next line; none after the last one of a file that is whole.
    ///
    /// # Errors
    ///
    /// [`Damage`].
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Damage> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        let mut limited = (&mut self.text).take(limit);
        let read = limited
            .read_until(b'\n', &mut self.line)
            .map_err(|error| compression(&error))?;
        if read == 0 {
            return self.check_end().map(|()| None);
        }
        if read > MAX_LINE {
            return Err(Damage::Line("it is too long"));
        }
        self.splitter.take(&self.line).map(Some)
    }

    fn check_end(&mut self) -> Result<(), Damage> {
        let hashed = self.text.get_ref().get_ref().get_ref();
        if self.trailer[..8] != TRAILER_HEAD || self.splitter.place != Place::End {
            return Err(Damage::Truncated);
        }
        if hashed.digest.clone().finalize()[..] == self.trailer[8..] {
            Ok(())
        } else {
            Err(Damage::Digest)
        }
    }
}

impl std::fmt::Debug for BundleReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleReader")
            .field("place", &self.splitter.place)
            .finish_non_exhaustive()
    }
}

/// Errors of the decoder and of the file below it.
fn compression(error: &io::Error) -> Damage {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Damage::Truncated;
    }
    Damage::Compression(error.to_string())
}
