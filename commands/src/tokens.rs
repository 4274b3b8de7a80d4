//! Join tokens. They derive from a secret, so that every replica can hand out the
//! same one and none is stored; the log has their hashes.

use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::Token;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Separates this use of the secret from any other.
const CONTEXT: &[u8] = b"countersign-join-token-v1";

/// Makes join tokens: HMAC-SHA256 (RFC 2104) over session and party.
pub(crate) struct Tokens(Zeroizing<[u8; 32]>);

impl Tokens {
    pub(crate) fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The one-time token of `party` in `session`.
    pub(crate) fn of(&self, session: SessionId, party: &PartyId) -> Token {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        mac.update(CONTEXT);
        mac.update(session.0.as_bytes());
        mac.update(party.as_str().as_bytes());
        Token(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}
