//! Whether this party takes part: nobody's word is taken for it.
//!
//! An invitation is checked against what the party has itself: its pinned roster,
//! the account's signed intent, and, for a key that exists, what was pinned
//! beside its share. What is left to believe decides nothing that is signed.

mod keygen;
mod sign;

use std::sync::Arc;

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthKey;
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::intent::{Intent, VerifiedIntent};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use countersign_domain::receipt::Receipt;
use countersign_domain::roster::{Member, fingerprint};
use countersign_domain::session::{NewSession, SessionInvitation, SessionKind, Token, token_hash};
use countersign_domain::signature::Signature;
use countersign_messaging::party_command::PartyAction;
use subtle::ConstantTimeEq as _;

use super::context::Context;
use super::inbox::Start;
use super::refusal::Refusal;
use super::shares::Unsealed;

/// An invitation that was verified, and what is needed to act on it.
pub(super) struct Accepted {
    pub(super) session: SessionId,
    pub(super) account: AccountId,
    pub(super) key: KeyId,
    pub(super) engine: EngineId,
    pub(super) quorum: Quorum,
    pub(super) epoch: u32,
    /// All holders of a share, by index; checked against the pinned roster.
    pub(super) members: Vec<Member>,
    pub(super) roster: Digest,
    /// This party's index.
    pub(super) me: u8,
    /// The attempt that it is invited to.
    pub(super) attempt: u32,
    pub(super) most_attempts: u32,
    pub(super) expires_at: Timestamp,
    pub(super) token: Token,
    pub(super) work: Work,
}

/// What the session is for.
pub(super) enum Work {
    /// A new key.
    Keygen {
        /// Hash of the intent's claims: what the vault binds the session to.
        intent: Digest,
        /// The key that the account is named after; it is pinned with the share.
        auth_key: AuthKey,
        /// A receipt that was signed for this session before.
        receipt: Option<String>,
    },
    /// A signature.
    Sign {
        share: Arc<Unsealed>,
        path: DerivationPath,
        /// The child's.
        public_key: PublicKey,
        digest: Digest,
        /// The signature that this session gave before.
        signature: Option<Signature>,
    },
}

impl Accepted {
    pub(super) fn kind(&self) -> SessionKind {
        match self.work {
            Work::Keygen { .. } => SessionKind::Keygen,
            Work::Sign { .. } => SessionKind::Sign,
        }
    }

    /// What this party handed in for the session before, and for which attempt.
    pub(super) fn earlier_result(&self) -> Option<(u32, PartyAction)> {
        match &self.work {
            Work::Keygen { receipt, .. } => {
                let receipt = receipt.clone()?;
                let attempt = self.attempt_of(&receipt)?;
                Some((attempt, PartyAction::Receipt { receipt }))
            }
            Work::Sign { signature, .. } => Some((self.attempt, (*signature)?.into())),
        }
    }

    /// The attempt that a receipt of this party is about.
    pub(super) fn attempt_of(&self, receipt: &str) -> Option<u32> {
        let me = self.members.iter().find(|m| m.index == self.me)?;
        let receipt = Receipt::verify(receipt, me).ok()?;
        Some(receipt.statement.attempt)
    }

    /// The signers of an attempt as members, if they are what an attempt of this
    /// session takes, this party among them.
    pub(super) fn signers(&self, start: &Start) -> Result<Vec<Member>, Refusal> {
        let Start { attempt, signers } = start;
        if *attempt == 0 || *attempt > self.most_attempts {
            return Err(Refusal::Attempt {
                attempt: *attempt,
                most: self.most_attempts,
            });
        }
        let expected = match self.kind() {
            SessionKind::Sign => self.quorum.threshold(),
            _ => self.quorum.parties(),
        };
        if signers.len() != usize::from(expected) {
            return Err(Refusal::Signers("their number does not fit the quorum"));
        }
        let members = signers
            .iter()
            .map(|signer| self.member(signer).cloned())
            .collect::<Option<Vec<_>>>()
            .ok_or(Refusal::Signers("one of them holds no share of the key"))?;
        if !members.is_sorted_by(|a, b| a.index < b.index) {
            return Err(Refusal::Signers("they are not in order, each once"));
        }
        if !members.iter().any(|member| member.index == self.me) {
            return Err(Refusal::Signers("this party is not one of them"));
        }
        Ok(members)
    }

    fn member(&self, party: &PartyId) -> Option<&Member> {
        self.members.iter().find(|m| m.identity.party == *party)
    }
}

/// Verifies an invitation. Takes about as long as verifying a signature.
///
/// # Errors
/// [`Refusal`] says what is wrong, the roster first: with another roster, nothing
/// else means what it says.
pub(super) fn verify(
    context: &Context,
    invitation: SessionInvitation,
) -> Result<Accepted, Refusal> {
    let SessionInvitation {
        session,
        auth_key,
        attempt,
        signers,
        token,
    } = invitation;
    let members = members(context, &session)?;
    let me = invited(context, &session, &token)?;
    if !context.engines.contains_key(&session.engine) {
        return Err(Refusal::Engine(session.engine));
    }
    let now = (context.clock)();
    if session.expires_at <= now {
        return Err(Refusal::Expired(session.expires_at));
    }
    let work = match session.kind {
        SessionKind::Keygen => keygen::verify(context, &session, auth_key, now)?,
        SessionKind::Sign => sign::verify(context, &session, &members, me, now)?,
        kind => return Err(Refusal::Kind(kind)),
    };
    let accepted = Accepted {
        session: session.session,
        account: session.account,
        key: session.key,
        engine: session.engine,
        quorum: session.quorum,
        epoch: session.epoch,
        members,
        roster: session.roster,
        me,
        attempt,
        most_attempts: session.max_attempts,
        expires_at: session.expires_at,
        token,
        work,
    };
    accepted.signers(&Start { attempt, signers })?;
    Ok(accepted)
}

/// The participants as members of the key, each with the keys pinned here.
fn members(context: &Context, session: &NewSession) -> Result<Vec<Member>, Refusal> {
    let members: Vec<Member> = session
        .participants
        .iter()
        .map(|invitee| invitee.member.clone())
        .collect();
    context.roster.check(&members).map_err(Refusal::Roster)?;
    if session.roster != fingerprint(&members) {
        return Err(Refusal::Fingerprint);
    }
    if members.len() != usize::from(session.quorum.parties()) {
        return Err(Refusal::NotIntended("number of participants"));
    }
    Ok(members)
}

/// This party's index, if it is invited and the token is its own.
fn invited(context: &Context, session: &NewSession, token: &Token) -> Result<u8, Refusal> {
    let invitee = session
        .participants
        .iter()
        .find(|invitee| invitee.member.identity.party == context.party)
        .ok_or(Refusal::NotInvited)?;
    let offered = token_hash(&token.0);
    if bool::from(offered.0.ct_eq(&invitee.token_hash.0)) {
        Ok(invitee.member.index)
    } else {
        Err(Refusal::Token)
    }
}

/// The session's intent, if `key` signed it, it is valid now, and the session is
/// the one that it names.
fn intent(session: &NewSession, key: &AuthKey, now: Timestamp) -> Result<VerifiedIntent, Refusal> {
    let verified = Intent::verify(&session.intent, key).map_err(Refusal::Intent)?;
    verified.intent.check_time(now).map_err(Refusal::Intent)?;
    session
        .check_intent(&verified, key)
        .map_err(Refusal::NotIntended)?;
    Ok(verified)
}
