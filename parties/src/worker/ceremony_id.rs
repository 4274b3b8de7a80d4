//! What makes an attempt this attempt and no other.

use countersign_domain::bytes::{Digest, Hex};
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::path::DerivationPath;
use countersign_domain::roster::Member;
use countersign_domain::session::SessionKind;
use sha2::{Digest as _, Sha256};

const TAG: &[u8] = b"countersign-ceremony-v1";

/// Everything that the parties of an attempt must agree on.
pub(super) struct Ceremony<'a> {
    pub(super) session: SessionId,
    pub(super) attempt: u32,
    pub(super) kind: SessionKind,
    pub(super) key: KeyId,
    pub(super) epoch: u32,
    /// By index.
    pub(super) signers: &'a [Member],
    /// What is signed; in a key generation, the hash of the intent.
    pub(super) digest: Digest,
    /// Empty for the key itself.
    pub(super) path: &'a DerivationPath,
}

impl Ceremony<'_> {
    /// The ceremony id: the engine mixes it into everything it hashes, so that
    /// messages of one attempt mean nothing in another; the vault keeps it.
    pub(super) fn id(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(TAG);
        part(self.session.0.as_bytes());
        part(&self.attempt.to_be_bytes());
        part(self.kind.to_string().as_bytes());
        part(self.key.0.as_bytes());
        part(&self.epoch.to_be_bytes());
        part(&[u8::try_from(self.signers.len()).unwrap_or(u8::MAX)]);
        for member in self.signers {
            part(&[member.index]);
            part(member.identity.party.as_str().as_bytes());
            part(&member.identity.sign_key.0);
            part(&member.identity.seal_key.0);
        }
        part(&self.digest.0);
        part(self.path.to_string().as_bytes());
        Hex(hash.finalize().into())
    }
}
