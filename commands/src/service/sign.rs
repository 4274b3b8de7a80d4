//! Asking for a signature.

use countersign_domain::account::Account;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{KeyId, PartyId, SessionId};
use countersign_domain::intent::{Action, VerifiedIntent};
use countersign_domain::key::Key;
use countersign_domain::roster::Member;
use countersign_domain::session::{
    Invitee, NewSession, Session, SessionCommand, SessionKind, SignRequest, pick, token_hash,
};

use super::{Commands, Decision, SessionRef};
use crate::error::CommandError;
use crate::load::{banned, preference};
use crate::repository::Freshness;

impl Commands {
    /// Starts a signature.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.key.sign", skip_all, fields(%key))]
    pub async fn sign(
        &self,
        key: KeyId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<SessionRef, CommandError> {
        let verified = self.verify(token, None).await?;
        match verified.intent.action {
            Action::Sign { key: named, .. } if named == key => {}
            Action::Sign { .. } => return Err(CommandError::OtherRequest("key")),
            _ => return Err(CommandError::OtherRequest("kind")),
        }
        let session = SessionId::of(verified.intent.account, &verified.intent.jti);
        let accepted = self
            .carry_out(&verified, trace_parent, |freshness| {
                self.decide_sign(&verified, session, key, freshness)
            })
            .await?;
        Ok(SessionRef {
            session,
            key,
            kind: SessionKind::Sign,
            position: accepted.position,
        })
    }

    async fn decide_sign(
        &self,
        verified: &VerifiedIntent,
        session: SessionId,
        id: KeyId,
        freshness: Freshness,
    ) -> Result<Decision, CommandError> {
        let Action::Sign {
            epoch,
            path,
            payload,
            ..
        } = &verified.intent.action
        else {
            return Err(CommandError::OtherRequest("kind"));
        };
        self.require_bus()?;
        let owner = verified.intent.account;
        let account = self.repository.load::<Account>(owner.0, freshness).await?;
        let auth_key = account.state.require_active()?.thumbprint();
        let key = self.repository.load::<Key>(id.0, freshness).await?;
        let (facts, public) = key.state.require_active(owner, *epoch)?;
        let public_key = path.derive(&public.public_key, &public.chain_code)?;
        let signers = self.signers(
            &key.state,
            &facts.members,
            facts.quorum.threshold(),
            session,
        )?;
        let kind = SessionKind::Sign;
        let policy = self.policy.of(kind);
        let attempt_timeout_ms = policy.attempt_timeout_ms(kind, facts.quorum);
        let new = NewSession {
            session,
            kind,
            account: owner,
            key: id,
            engine: facts.engine,
            quorum: facts.quorum,
            epoch: *epoch,
            intent: verified.token.clone(),
            intent_hash: verified.hash,
            auth_key,
            roster: facts.roster,
            sign: Some(SignRequest {
                path: path.clone(),
                public_key,
                digest: payload.digest(),
                hash: payload.scheme(),
            }),
            participants: self.invitees(session, facts.members.clone()),
            signers,
            max_attempts: policy.max_attempts,
            ready_timeout_ms: policy.ready_ms,
            attempt_timeout_ms,
            expires_at: self.now() + policy.session(attempt_timeout_ms),
        };
        let fresh = self
            .repository
            .load_new::<Session>(session.0, freshness)
            .await?;
        let created = fresh.state.decide(SessionCommand::Create(Box::new(new)))?;
        Ok(vec![
            account.append(owner.0, &[])?,
            key.append(id.0, &[])?,
            fresh.append(session.0, &created)?,
        ]
        .into())
    }

    /// Exactly as many as needed, by index; no two of them banned.
    fn signers(
        &self,
        key: &Key,
        members: &[Member],
        threshold: u8,
        session: SessionId,
    ) -> Result<Vec<PartyId>, CommandError> {
        let parties: Vec<_> = members.iter().map(|m| m.identity.party.clone()).collect();
        let ordered = preference(&parties, session, &self.presence, &self.clock, &self.load);
        let chosen = pick(usize::from(threshold), &ordered, &banned(key, &parties))
            .ok_or(CommandError::NoQuorum(threshold))?;
        Ok(parties.into_iter().filter(|p| chosen.contains(p)).collect())
    }

    /// The members with the hashes of their join tokens.
    pub(super) fn invitees(&self, session: SessionId, members: Vec<Member>) -> Vec<Invitee> {
        let invitee = |member: Member| Invitee {
            token_hash: token_hash(&self.tokens.of(session, &member.identity.party).0),
            member,
        };
        members.into_iter().map(invitee).collect()
    }
}
