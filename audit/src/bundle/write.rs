//! Writes a bundle, and goes on with one that was not finished.
//!
//! It grows in `FILE.part` and is renamed at the end. Every frame is complete in
//! itself, so what a crash leaves is some complete frames and perhaps a piece of
//! one, which is cut off.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use countersign_event_store::Envelope;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor;

use super::read::Splitter;
use super::{
    CHECKPOINTS, EVENTS, Footer, FooterLine, Header, Item, KeyLine, NoteLine, PERSONAL_KEYS,
    Section, TRAILER_HEAD,
};
use crate::checkpoint::SignedCheckpoint;
use crate::merkle::{Frontier, Hash};
use crate::source::PersonalKeyMap;

/// How much goes into a frame, in bytes of text.
const FRAME: usize = 1024 * 1024;

/// How much zstd tries.
const LEVEL: i32 = 3;

/// Why a bundle cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system refuses.
    #[error("cannot write {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An event that does not follow the one before.
    #[error("position {found} follows position {after}")]
    Gap {
        /// The position before.
        after: u64,
        /// The next one.
        found: u64,
    },
    /// Not all events that the header announces were given.
    #[error("the header announces events up to {to}, and they end at {found}")]
    Short {
        /// The last position announced.
        to: u64,
        /// The last position written.
        found: u64,
    },
}

/// See the module's documentation.
pub struct BundleWriter {
    target: PathBuf,
    part: PathBuf,
    file: File,
    digest: Sha256,
    compressor: Compressor<'static>,
    buffer: Vec<u8>,
    header: Header,
    checkpoints: u64,
    frontier: Frontier,
    last: Hash,
}

impl BundleWriter {
    /// Begins a bundle that will be at `target`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn create(
        target: &Path,
        header: &Header,
        checkpoints: &[SignedCheckpoint],
    ) -> Result<Self, WriteError> {
        Self::create_with_keys(target, header, checkpoints, &PersonalKeyMap::new())
    }

    /// The same, with keys to the personal data of accounts.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn create_with_keys(
        target: &Path,
        header: &Header,
        checkpoints: &[SignedCheckpoint],
        keys: &PersonalKeyMap,
    ) -> Result<Self, WriteError> {
        let part = part_of(target);
        let cannot = |source| WriteError::Io {
            path: part.clone(),
            source,
        };
        let file = File::create(&part).map_err(cannot)?;
        let compressor = compressor().map_err(cannot)?;
        let mut writer = Self {
            target: target.to_owned(),
            part,
            file,
            digest: Sha256::new(),
            compressor,
            buffer: vec![],
            header: header.clone(),
            checkpoints: checkpoints.len() as u64,
            frontier: Frontier::new(),
            last: Hash::default(),
        };
        writer.line(header);
        writer.section(CHECKPOINTS);
        for checkpoint in checkpoints {
            let note = checkpoint.to_string();
            writer.line(&NoteLine { note });
        }
        if !keys.is_empty() {
            writer.section(PERSONAL_KEYS);
            let mut accounts: Vec<_> = keys.keys().copied().collect();
            accounts.sort_unstable();
            for account in accounts {
                let key = *keys[&account].expose();
                writer.line(&KeyLine { account, key });
            }
        }
        writer.section(EVENTS);
        writer.flush()?;
        Ok(writer)
    }

    /// Goes on with a bundle that was begun for `target` and not finished; none if
    /// there is nothing that could be gone on with.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn resume(target: &Path) -> Result<Option<Self>, WriteError> {
        let part = part_of(target);
        let cannot = |source| WriteError::Io {
            path: part.clone(),
            source,
        };
        let mut file = match OpenOptions::new().read(true).write(true).open(&part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        let found = scan(&mut file).map_err(cannot)?;
        let Some(header) = found.header else {
            return Ok(None);
        };
        file.set_len(found.complete).map_err(cannot)?;
        file.seek(SeekFrom::End(0)).map_err(cannot)?;
        let compressor = compressor().map_err(cannot)?;
        Ok(Some(Self {
            target: target.to_owned(),
            part,
            file,
            digest: found.digest,
            compressor,
            buffer: vec![],
            header,
            checkpoints: found.checkpoints,
            frontier: found.frontier,
            last: found.last,
        }))
    }

    /// The header that it began with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Position of the last event written.
    pub fn position(&self) -> u64 {
        self.frontier.size()
    }

    /// Hash of the last event written.
    pub fn last(&self) -> Hash {
        self.last
    }

    /// Writes the next event.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn event(&mut self, event: &Envelope) -> Result<(), WriteError> {
        let (after, found) = (self.position(), event.position);
        if found != after + 1 {
            return Err(WriteError::Gap { after, found });
        }
        let text = event.canonical();
        self.last = hash(&text);
        self.frontier.push(self.last);
        self.buffer.extend_from_slice(&text);
        self.buffer.push(b'\n');
        if self.buffer.len() >= FRAME {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is left, and moves the file to its place. Returns its footer.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn finish(mut self) -> Result<Footer, WriteError> {
        let (to, found) = (self.header.to, self.position());
        if found != to {
            return Err(WriteError::Short { to, found });
        }
        self.flush()?;
        let footer = Footer {
            events: found,
            checkpoints: self.checkpoints,
            root: self.frontier.root(),
        };
        self.line(&FooterLine {
            footer: footer.clone(),
        });
        self.flush()?;
        let digest = self.digest.clone().finalize();
        let trailer = [TRAILER_HEAD.as_slice(), &digest].concat();
        let finished = self
            .file
            .write_all(&trailer)
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.part, &self.target))
            .and_then(|()| File::open(folder_of(&self.target))?.sync_all());
        finished.map_err(|source| WriteError::Io {
            path: self.target.clone(),
            source,
        })?;
        Ok(footer)
    }

    fn section(&mut self, name: &str) {
        self.line(&Section {
            section: name.to_owned(),
        });
    }

    fn line(&mut self, line: &impl Serialize) {
        serde_json::to_writer(&mut self.buffer, line).expect("a vector takes every write");
        self.buffer.push(b'\n');
    }

    /// Makes a frame of what is buffered.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.compressor.compress(&self.buffer).and_then(|frame| {
            self.digest.update(&frame);
            self.file.write_all(&frame)
        });
        self.buffer.clear();
        written.map_err(|source| WriteError::Io {
            path: self.part.clone(),
            source,
        })
    }
}

impl std::fmt::Debug for BundleWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleWriter")
            .field("target", &self.target)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

/// `FILE.part`, where a bundle grows.
fn part_of(target: &Path) -> PathBuf {
    let mut name: OsString = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

fn hash(text: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(text);
    hasher.finalize().into()
}

/// What an unfinished file holds.
#[derive(Clone, Default)]
struct Found {
    header: Option<Header>,
    checkpoints: u64,
    frontier: Frontier,
    last: Hash,
    /// Length of the frames that are complete.
    complete: u64,
    digest: Sha256,
}

/// Reads the complete frames that hold events; what follows them is written anew.
fn scan(file: &mut File) -> io::Result<Found> {
    let mut found = Found::default();
    let mut splitter = Splitter::default();
    while let Some((text, length)) = next_frame(file, found.complete)? {
        let mut more = found.clone();
        if !more.take(&mut splitter, &text) {
            break;
        }
        let mut frame = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        file.seek(SeekFrom::Start(found.complete))?;
        file.read_exact(&mut frame)?;
        more.digest.update(&frame);
        more.complete += length;
        found = more;
    }
    Ok(found)
}

impl Found {
    /// Takes the text of a frame; says whether all of it can stay.
    fn take(&mut self, splitter: &mut Splitter, text: &[u8]) -> bool {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match splitter.take(line) {
                Ok(Item::Header(header)) => self.header = Some(header),
                Ok(Item::Checkpoint(_)) => self.checkpoints += 1,
                Ok(Item::Section(_) | Item::PersonalKey(..)) => {}
                Ok(Item::Event(line)) => {
                    self.last = hash(line);
                    self.frontier.push(self.last);
                }
                Ok(Item::Footer(_)) | Err(_) => return false,
            }
        }
        true
    }
}

/// Text and length of the frame at an offset; none for a piece of one.
fn next_frame(file: &mut File, offset: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut counted = Counted {
        inner: BufReader::new(file),
        count: 0,
    };
    let mut text = vec![];
    let mut frame = zstd::Decoder::with_buffer(&mut counted)?.single_frame();
    let whole = frame.read_to_end(&mut text).is_ok() && frame.finish_frame().is_ok();
    drop(frame);
    Ok((whole && !text.is_empty()).then_some((text, counted.count)))
}

/// Counts what was taken out of a buffer.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: io::BufRead> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

impl<R: io::BufRead> io::BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += amount as u64;
        self.inner.consume(amount);
    }
}
