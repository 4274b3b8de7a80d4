//! Checkpoints: the size and root of a log, signed (C2SP tlog-checkpoint).
//!
//! ```text
//! countersign.example/log
//! 1234
//! nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//!
//! — countersign.example/log Az3grl…
//! ```

use std::fmt;

use signed_note::{Note, Signature};
use tlog_tiles::checkpoint as tlog;

use crate::merkle::Hash;
use crate::note::{SigningKey, VerifierKey};

/// Size and root of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// Root of the tree of their hashes.
    pub root: Hash,
    /// Further lines, each not empty; what they say is up to whoever reads them.
    pub extensions: Vec<String>,
}

/// Why a text is no checkpoint, or not one that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// Not a signed note (C2SP signed-note).
    #[error("it is not a signed note: text, an empty line, signature lines")]
    Note,
    /// Not a checkpoint: origin, size, root.
    #[error("its text is not origin, size and root")]
    Text,
    /// No signature by a key that is trusted.
    #[error("no trusted key has signed it")]
    Unsigned,
    /// A line of a trusted key that the key did not make.
    #[error("the signature of {0} is not valid: something was changed")]
    Signature(String),
    /// Of another log.
    #[error("it is of another log: its origin is `{found}`, not `{expected}`")]
    Origin {
        /// Its origin.
        found: String,
        /// The one expected.
        expected: String,
    },
}

/// A checkpoint with its signatures, verified or not.
#[derive(Clone)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    text: String,
    signatures: Vec<Signature>,
}

/// A witness's word for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Name of the witness.
    pub witness: String,
    /// When it signed, in seconds since 1970.
    pub time: u64,
}

impl Checkpoint {
    /// The text that is signed.
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::Text`] when the origin or a further line is empty or holds a
    /// line end.
    pub fn text(&self) -> Result<String, CheckpointFault> {
        let has_line_end = |line: &String| line.contains('\n');
        if has_line_end(&self.origin) || self.extensions.iter().any(has_line_end) {
            return Err(CheckpointFault::Text);
        }
        let lines: String = self.extensions.iter().flat_map(|l| [l, "\n"]).collect();
        let hash = tlog_tiles::tlog::Hash(self.root);
        let checkpoint = tlog::Checkpoint::new(&self.origin, self.size, hash, &lines);
        let bytes = checkpoint.map_err(|_| CheckpointFault::Text)?.to_bytes();
        String::from_utf8(bytes).map_err(|_| CheckpointFault::Text)
    }

    fn from_text(text: &str) -> Result<Self, CheckpointFault> {
        let read =
            tlog::Checkpoint::from_bytes(text.as_bytes()).map_err(|_| CheckpointFault::Text)?;
        let checkpoint = Self {
            origin: read.origin().to_owned(),
            size: read.size(),
            root: read.hash().0,
            extensions: read.extension().lines().map(ToOwned::to_owned).collect(),
        };
        // One way to write it, so that equal checkpoints are equal texts.
        if checkpoint.text()? == text {
            Ok(checkpoint)
        } else {
            Err(CheckpointFault::Text)
        }
    }

    /// Signs the checkpoint.
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::Text`] as for [`Self::text`].
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointFault> {
        let text = self.text()?;
        let signature = key.sign(text.as_bytes(), 0);
        Ok(SignedCheckpoint {
            checkpoint: self,
            text,
            signatures: vec![signature],
        })
    }
}

impl SignedCheckpoint {
    /// Reads a checkpoint; its signatures are not verified.
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::Note`] or [`CheckpointFault::Text`].
    pub fn parse(note: &str) -> Result<Self, CheckpointFault> {
        Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointFault::Note)?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(CheckpointFault::Note)?;
        let signatures = lines
            .lines()
            .map(|line| Signature::from_bytes(line.as_bytes()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CheckpointFault::Note)?;
        let text = format!("{text}\n");
        let signed = Self {
            checkpoint: Checkpoint::from_text(&text)?,
            text,
            signatures,
        };
        if signed.to_string() == note {
            Ok(signed)
        } else {
            Err(CheckpointFault::Note)
        }
    }

    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Adds the signature of a further key, a witness's with the time in seconds since
    /// 1970.
    pub fn cosign(&mut self, key: &SigningKey, time: u64) {
        self.signatures.push(key.sign(self.text.as_bytes(), time));
    }

    /// Verifies that one of these keys signed it, and returns the names of those that
    /// did. Lines of keys that are not given are of no interest (C2SP signed-note).
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::Unsigned`] or [`CheckpointFault::Signature`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<String>, CheckpointFault> {
        let mut signers = vec![];
        for (key, signature) in self.lines_of(keys) {
            if key.verify(self.text.as_bytes(), signature).is_none() {
                return Err(CheckpointFault::Signature(key.name().to_owned()));
            }
            signers.push(key.name().to_owned());
        }
        if signers.is_empty() {
            return Err(CheckpointFault::Unsigned);
        }
        Ok(signers)
    }

    /// The cosignatures of these witnesses.
    ///
    /// # Errors
    ///
    /// [`CheckpointFault::Signature`] for a line that is not what its witness signed.
    pub fn cosignatures(&self, keys: &[VerifierKey]) -> Result<Vec<Cosigned>, CheckpointFault> {
        let mut cosigned = vec![];
        for (key, signature) in self.lines_of(keys) {
            let witness = key.name().to_owned();
            match key.verify(self.text.as_bytes(), signature) {
                Some(time) => cosigned.push(Cosigned {
                    witness,
                    time: time.unwrap_or(0),
                }),
                None => return Err(CheckpointFault::Signature(witness)),
            }
        }
        Ok(cosigned)
    }

    fn lines_of<'a>(
        &'a self,
        keys: &'a [VerifierKey],
    ) -> impl Iterator<Item = (&'a VerifierKey, &'a [u8])> {
        self.signatures.iter().filter_map(|line| {
            let key = keys
                .iter()
                .find(|key| key.name() == line.name() && key.id() == line.id())?;
            Some((key, line.signature()))
        })
    }
}

impl fmt::Display for SignedCheckpoint {
    /// The signed note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| f.write_str(&String::from_utf8_lossy(&line.to_bytes())))
    }
}

impl fmt::Debug for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedCheckpoint")
            .field("checkpoint", &self.checkpoint)
            .field("signatures", &self.signatures.len())
            .finish()
    }
}

impl PartialEq for SignedCheckpoint {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for SignedCheckpoint {}
