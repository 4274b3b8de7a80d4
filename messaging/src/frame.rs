//! Protocol frames, party to party.
//!
//! A frame is a header, a body, and the sender's Ed25519 signature over both.
//! The body of a frame to one party is sealed to that party with the header as
//! associated data; the body of a broadcast is in clear. Whatever is wrong with
//! a frame is found before an engine sees it: an outsider cannot make one party
//! blame another.
//!
//! A receiver checks what is cheap first (size, session, attempt, addressing,
//! membership), then the signature, then the seal. Frames may arrive twice or
//! out of order; that is for the runtime, which goes by round and sender.

use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::{Member, PartyIdentity};
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::envelope::verify;
use crate::identity::IdentityKeys;
use crate::seal;
use crate::transcript::signing_input;

mod error;
mod wire;

pub use error::FrameError;
use wire::{SIGNATURE, Wire};

/// The largest frame that is sealed or looked at, in bytes.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

const TAG: &str = "countersign-frame-v1";

/// Who says what to whom, at which point of which attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameHeader {
    /// The session.
    pub session: SessionId,
    /// The attempt within it, from 1.
    pub attempt: u32,
    /// The sender.
    pub from: PartyId,
    /// The receiver; none for a broadcast to every signer.
    pub to: Option<PartyId>,
    /// The protocol round that it belongs to.
    pub round: u8,
    /// What the body is.
    pub kind: FrameKind,
}

/// What the body of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[non_exhaustive]
pub enum FrameKind {
    /// A message of the engine.
    Data,
    /// Asks for the frames of a round again.
    Resend,
    /// Confirms a result among the parties.
    Confirm,
}

impl From<FrameKind> for u8 {
    fn from(kind: FrameKind) -> Self {
        match kind {
            FrameKind::Data => 0,
            FrameKind::Resend => 1,
            FrameKind::Confirm => 2,
        }
    }
}

impl TryFrom<u8> for FrameKind {
    type Error = FrameError;

    fn try_from(kind: u8) -> Result<Self, FrameError> {
        match kind {
            0 => Ok(Self::Data),
            1 => Ok(Self::Resend),
            2 => Ok(Self::Confirm),
            other => Err(FrameError::Kind(other)),
        }
    }
}

/// Makes a frame: seals the body to `recipient` (none for a broadcast, which
/// stays in clear) and signs it all.
///
/// # Errors
/// [`FrameError::Recipient`] when header and recipient disagree,
/// [`FrameError::TooLarge`], or [`FrameError::Seal`] for an unusable seal key.
pub fn seal_frame(
    header: &FrameHeader,
    body: &[u8],
    keys: &IdentityKeys,
    recipient: Option<&PartyIdentity>,
) -> Result<Vec<u8>, FrameError> {
    if header.to.as_ref() != recipient.map(|r| &r.party) {
        return Err(FrameError::Recipient);
    }
    let head = wire::encode(header);
    // All at once: a reallocation would leave plaintext behind.
    let size = head.len() + seal::KEY + body.len() + seal::TAG + SIGNATURE;
    if size > MAX_FRAME {
        return Err(FrameError::TooLarge(size));
    }
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.extend_from_slice(&head);
    match recipient {
        Some(to) => seal::seal_onto(&mut out, &to.seal_key.0, TAG.as_bytes(), &head, body)
            .map_err(FrameError::Seal)?,
        None => out.extend_from_slice(body),
    }
    let input = signing_input(TAG, &[&head, &out[head.len()..]]);
    out.extend_from_slice(&keys.sign.sign(&input).to_bytes());
    Ok(std::mem::take(&mut *out))
}

/// Verifies a frame and opens its body.
///
/// `members` are those who may speak in this attempt: its signers, or all the
/// parties of the key. `session` and `attempt` are what the receiver is in.
///
/// # Errors
/// [`FrameError`] says what is wrong; none of it is evidence against the party
/// named in the header unless [`FrameError::is_senders_fault`].
pub fn open_frame(
    bytes: &[u8],
    me: &PartyId,
    keys: &IdentityKeys,
    members: &[Member],
    session: SessionId,
    attempt: u32,
) -> Result<(FrameHeader, Zeroizing<Vec<u8>>), FrameError> {
    let Wire {
        header,
        head,
        body,
        signature,
    } = Wire::parse(bytes)?;
    if header.session != session {
        return Err(FrameError::Session(header.session));
    }
    if header.attempt != attempt {
        return Err(FrameError::Attempt(header.attempt));
    }
    if header.from == *me {
        return Err(FrameError::Reflected);
    }
    if let Some(to) = header.to.as_ref().filter(|to| *to != me) {
        return Err(FrameError::Addressee(to.clone()));
    }
    let Some(sender) = members.iter().find(|m| m.identity.party == header.from) else {
        return Err(FrameError::NotAMember(header.from));
    };
    let input = signing_input(TAG, &[head, body]);
    verify(&sender.identity.sign_key, &input, signature).map_err(|source| {
        FrameError::Signature {
            party: header.from.clone(),
            source,
        }
    })?;
    let body = match header.to {
        Some(_) => seal::open(&keys.seal, TAG.as_bytes(), head, body).map_err(|source| {
            FrameError::Open {
                party: header.from.clone(),
                source,
            }
        })?,
        None => Zeroizing::new(body.to_vec()),
    };
    Ok((header, body))
}

/// Reads the header of a frame without verifying anything, to route it.
///
/// # Errors
/// [`FrameError`] when there is no header to read.
pub fn peek_header(bytes: &[u8]) -> Result<FrameHeader, FrameError> {
    Wire::parse(bytes).map(|wire| wire.header)
}
