//! Asking for a key: the key and its generation session, in one append.

use countersign_domain::account::Account;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::intent::{Action, VerifiedIntent};
use countersign_domain::key::{Key, KeyCommand, KeyFacts, NewKey};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Member, fingerprint};
use countersign_domain::session::{NewSession, Session, SessionCommand, SessionKind};

use super::{Commands, Decision, SessionRef};
use crate::error::CommandError;
use crate::load::{names, preference};
use crate::repository::Freshness;

impl Commands {
    /// Starts the generation of a key.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.key.create", skip_all, fields(%account))]
    pub async fn create_key(
        &self,
        account: AccountId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<SessionRef, CommandError> {
        let verified = self.verify(token, Some(account)).await?;
        if !matches!(verified.intent.action, Action::CreateKey { .. }) {
            return Err(CommandError::OtherRequest("kind"));
        }
        let session = SessionId::of(account, &verified.intent.jti);
        let key = KeyId::of(session);
        let accepted = self
            .carry_out(&verified, trace_parent, |freshness| {
                self.decide_key(&verified, session, key, freshness)
            })
            .await?;
        Ok(SessionRef {
            session,
            key,
            kind: SessionKind::Keygen,
            position: accepted.position,
        })
    }

    async fn decide_key(
        &self,
        verified: &VerifiedIntent,
        session: SessionId,
        key: KeyId,
        freshness: Freshness,
    ) -> Result<Decision, CommandError> {
        let Action::CreateKey { engine, quorum } = verified.intent.action else {
            return Err(CommandError::OtherRequest("kind"));
        };
        self.require_bus()?;
        let owner = verified.intent.account;
        let account = self.repository.load::<Account>(owner.0, freshness).await?;
        let auth_key = account.state.require_active()?.thumbprint();
        let members = self.members(quorum, session)?;
        let facts = KeyFacts {
            key,
            account: owner,
            session,
            engine,
            quorum,
            roster: fingerprint(&members),
            members: members.clone(),
            auth_key: auth_key.clone(),
        };
        let signers = members.iter().map(|m| m.identity.party.clone()).collect();
        let kind = SessionKind::Keygen;
        let policy = self.policy.of(kind);
        let attempt_timeout_ms = policy.attempt_timeout_ms(kind, quorum);
        let new = NewSession {
            session,
            kind,
            account: owner,
            key,
            engine,
            quorum,
            epoch: 1,
            intent: verified.token.clone(),
            intent_hash: verified.hash,
            auth_key,
            roster: facts.roster,
            sign: None,
            participants: self.invitees(session, members),
            signers,
            max_attempts: policy.max_attempts,
            ready_timeout_ms: policy.ready_ms,
            attempt_timeout_ms,
            expires_at: self.now() + policy.session(attempt_timeout_ms),
        };
        let request = KeyCommand::Request(Box::new(NewKey {
            facts,
            intent: verified.clone(),
        }));
        let (there, fresh) = (
            self.repository.load_new::<Key>(key.0, freshness).await?,
            self.repository
                .load_new::<Session>(session.0, freshness)
                .await?,
        );
        let requested = there.state.decide(request)?;
        let created = fresh.state.decide(SessionCommand::Create(Box::new(new)))?;
        Ok(vec![
            account.append(owner.0, &[])?,
            there.append(key.0, &requested)?,
            fresh.append(session.0, &created)?,
        ]
        .into())
    }

    /// Who shall hold the shares: those that are there before those that are
    /// not, indexed in the order of the roster.
    fn members(&self, quorum: Quorum, session: SessionId) -> Result<Vec<Member>, CommandError> {
        let all = names(&self.roster);
        let asked = usize::from(quorum.parties());
        if all.len() < asked {
            return Err(CommandError::RosterTooSmall {
                asked: quorum.parties(),
                there: all.len(),
            });
        }
        let mut chosen = preference(&all, session, &self.presence, &self.clock, &self.load);
        chosen.truncate(asked);
        let in_order: Vec<_> = all.into_iter().filter(|p| chosen.contains(p)).collect();
        self.roster
            .members(&in_order)
            .map_err(|error| CommandError::Internal(error.to_string()))
    }
}
