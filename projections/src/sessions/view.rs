//! What queries show of a session.

use countersign_domain::Timestamp;
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::path::DerivationPath;
use countersign_domain::session::{
    AttemptFailure, FailureReason, ParticipantStatus, SessionKind, SessionStatus,
};
use countersign_domain::signature::Signature;
use serde::{Deserialize, Serialize};

use crate::Name;

/// What queries show of a session, with its signature as the log has it or in all
/// forms. The intent stays in its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct SessionView<S = Signature> {
    /// The session.
    pub session_id: SessionId,
    /// Which protocol run.
    pub kind: SessionKind,
    /// Whose.
    pub account_id: AccountId,
    /// The key that is made or used.
    pub key_id: KeyId,
    /// The protocol.
    pub engine: EngineId,
    /// The status.
    pub status: SessionStatus,
    /// How many must sign.
    pub threshold: u8,
    /// How many hold a share.
    pub parties: u8,
    /// Epoch of the shares that are made or used.
    pub epoch: u32,
    /// The attempt that runs, comes next or was the last, from 1.
    pub attempt: u32,
    /// How many attempts there may be.
    pub max_attempts: u32,
    /// Who takes part in the attempt, by index.
    pub signers: Vec<Name>,
    /// All holders of a share, by index.
    pub participants: Vec<ParticipantView>,
    /// The attempts that started or failed.
    pub attempts: Vec<AttemptView>,
    /// What a sign session signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The child key that signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<DerivationPath>,
    /// How the digest was made, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<HashScheme>,
    /// The public key that signs, or the one that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// Ethereum address of `public_key` (EIP-55).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ethereum_address: Option<Name>,
    /// The signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<S>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// When it was asked for.
    #[serde(serialize_with = "crate::time::at")]
    pub created_at: Timestamp,
    /// When its first attempt started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub ended_at: Option<Timestamp>,
    /// When it ends in any case.
    #[serde(serialize_with = "crate::time::at")]
    pub expires_at: Timestamp,
    /// Position of its first event; lists are in this order.
    pub created_position: u64,
    /// Position of its last event.
    pub position: u64,
}

/// A holder of a share, in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantView {
    /// The party.
    pub party: Name,
    /// Its index in the key, from 1.
    pub index: u8,
    /// How far it is.
    pub status: ParticipantStatus,
    /// When it joined; none again when it has to join once more.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub joined_at: Option<Timestamp>,
    /// What it said of itself when it joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceView>,
    /// When it handed in its result for the attempt.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub completed_at: Option<Timestamp>,
}

/// What a party said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its software.
    pub name: Name,
    /// The software's version.
    pub version: Name,
}

/// An attempt that started, failed, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Which, from 1.
    pub attempt: u32,
    /// Who took part, by index.
    pub signers: Vec<Name>,
    /// When its rounds began; none when its signers did not get ready.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub started_at: Option<Timestamp>,
    /// When it failed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub failed_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AttemptFailure>,
    /// Who is to blame, as far as it is known.
    pub culprits: Vec<Name>,
    /// Who says so; none for a deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<Name>,
    /// The reporter's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Name>,
}

/// Why a session failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// Why.
    pub reason: FailureReason,
    /// In words.
    pub detail: Name,
}

impl SessionView {
    /// The view with its signature in all forms.
    #[must_use]
    pub fn in_all_forms(&self) -> SessionView<SignatureForms> {
        let it = self.clone();
        SessionView {
            signature: it.signature.map(SignatureForms::from),
            session_id: it.session_id,
            kind: it.kind,
            account_id: it.account_id,
            key_id: it.key_id,
            engine: it.engine,
            status: it.status,
            threshold: it.threshold,
            parties: it.parties,
            epoch: it.epoch,
            attempt: it.attempt,
            max_attempts: it.max_attempts,
            signers: it.signers,
            participants: it.participants,
            attempts: it.attempts,
            digest: it.digest,
            path: it.path,
            hash: it.hash,
            public_key: it.public_key,
            ethereum_address: it.ethereum_address,
            failure: it.failure,
            created_at: it.created_at,
            started_at: it.started_at,
            ended_at: it.ended_at,
            expires_at: it.expires_at,
            created_position: it.created_position,
            position: it.position,
        }
    }

    /// Passes every text that other sessions are likely to have too, so that it
    /// can be exchanged for one that is there already.
    pub(crate) fn share(&mut self, mut share: impl FnMut(&mut Name)) {
        self.signers.iter_mut().for_each(&mut share);
        for participant in &mut self.participants {
            share(&mut participant.party);
            if let Some(device) = &mut participant.device {
                share(&mut device.name);
                share(&mut device.version);
            }
        }
        for attempt in &mut self.attempts {
            attempt.signers.iter_mut().for_each(&mut share);
            attempt.culprits.iter_mut().for_each(&mut share);
            attempt.reporter.iter_mut().for_each(&mut share);
        }
        self.ethereum_address.iter_mut().for_each(share);
    }
}

/// A signature in all the forms that wallets ask for. Only r, s and v are kept; the
/// others follow from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureForms {
    #[serde(flatten)]
    signature: Signature,
    compact: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    der: Option<String>,
}

impl From<Signature> for SignatureForms {
    fn from(signature: Signature) -> Self {
        Self {
            signature,
            compact: signature.compact().to_string(),
            der: signature.der().ok().map(hex::encode),
        }
    }
}
