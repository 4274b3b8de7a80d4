//! A party without a ceremony: where a real one would run the rounds, it uses a
//! key that derives from the key's id. Everything that it says is signed, and
//! the signatures are real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_domain::bytes::{Hex, PublicKey};
use countersign_domain::ids::{KeyId, PartyId, SessionId};
use countersign_domain::receipt::{Receipt, Statement};
use countersign_domain::session::{NewSession, SessionEvent, SessionInvitation, SessionKind};
use countersign_domain::signature::Signature;
use countersign_event_store::Envelope;
use countersign_messaging::invitation::InvitationOpener;
use countersign_messaging::party_command::{
    AbortReason, DeviceInfo, PartyAction, PartyCommand, PartyReply,
};
use countersign_messaging::{Bus as _, IdentityKeys, LocalBus, subject};
use k256::ecdsa::SigningKey;
use sha2::{Digest as _, Sha256};

/// How a party behaves; honest unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Does its part.
    Honest,
    /// Does not come.
    Absent,
    /// Joins, and is not heard of again.
    Silent,
    /// Joins, and says that another cheated, in attempts that the other is in.
    Accuses(PartyId),
    /// States another auth key than the account's in its receipt.
    OtherAuthKey,
    /// Hands in a signature that does not verify.
    WrongSignature,
}

struct Party {
    name: PartyId,
    keys: Arc<IdentityKeys>,
    bus: LocalBus,
    conduct: Arc<Mutex<BTreeMap<PartyId, Conduct>>>,
    sessions: BTreeMap<SessionId, NewSession>,
    done: BTreeSet<(SessionId, u32)>,
}

/// Starts a party; it listens when this returns.
pub(super) async fn start(
    name: PartyId,
    keys: Arc<IdentityKeys>,
    bus: LocalBus,
    conduct: Arc<Mutex<BTreeMap<PartyId, Conduct>>>,
) {
    let mut invitations = bus.subscribe(&subject::invite(&name)).await.unwrap();
    let started = "cs.v1.events.session.SessionStarted.*";
    let mut starts = bus.subscribe(started).await.unwrap();
    let mut party = Party {
        name,
        keys,
        bus,
        conduct,
        sessions: BTreeMap::new(),
        done: BTreeSet::new(),
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(message) = invitations.next() => party.invited(&message.payload).await,
                Some(message) = starts.next() => party.started(&message.payload).await,
                else => return,
            }
        }
    });
}

impl Party {
    fn conduct(&self) -> Conduct {
        let conduct = self.conduct.lock().unwrap();
        conduct.get(&self.name).cloned().unwrap_or(Conduct::Honest)
    }

    async fn invited(&mut self, sealed: &[u8]) {
        let opener = InvitationOpener::new(Arc::clone(&self.keys));
        let text = opener.open(sealed).unwrap();
        let invitation: SessionInvitation = serde_json::from_slice(&text).unwrap();
        let session = invitation.session;
        assert_eq!(invitation.auth_key.thumbprint(), session.auth_key);
        assert!(invitation.signers.contains(&self.name));
        self.sessions.insert(session.session, session.clone());
        if self.conduct() == Conduct::Absent {
            return;
        }
        let action = PartyAction::Join {
            token: Hex(*invitation.token.0).to_string(),
            device: DeviceInfo {
                name: "test".to_owned(),
                version: "1".to_owned(),
            },
            ready: true,
        };
        self.say(session.session, invitation.attempt, action).await;
    }

    async fn started(&mut self, event: &[u8]) {
        let envelope: Envelope = serde_json::from_slice(event).unwrap();
        let event: SessionEvent = serde_json::from_value(envelope.payload).unwrap();
        let SessionEvent::SessionStarted { attempt, signers } = event else {
            panic!("another event on the subject of SessionStarted");
        };
        let id: SessionId = envelope.stream.aggregate_id.parse().unwrap();
        // Every replica relays every event.
        if !signers.contains(&self.name) || !self.done.insert((id, attempt)) {
            return;
        }
        let Some(session) = self.sessions.get(&id).cloned() else {
            return;
        };
        let action = match (self.conduct(), session.kind) {
            (Conduct::Absent | Conduct::Silent, _) => return,
            (Conduct::Accuses(culprit), _) if signers.contains(&culprit) => PartyAction::Abort {
                reason: AbortReason::Cheating,
                culprits: vec![culprit],
                detail: "its proof does not verify".to_owned(),
            },
            (conduct, SessionKind::Keygen) => self.receipt(&session, attempt, &conduct),
            (conduct, _) => signature(&session, &conduct).into(),
        };
        self.say(id, attempt, action).await;
    }

    fn receipt(&self, session: &NewSession, attempt: u32, conduct: &Conduct) -> PartyAction {
        let mut participants = session.participants.iter();
        let me = participants
            .find(|p| p.member.identity.party == self.name)
            .unwrap();
        let auth_key = match conduct {
            Conduct::OtherAuthKey => {
                let other = super::Account::new("other", Arc::new(Default::default));
                other.signer.public().thumbprint()
            }
            _ => session.auth_key.clone(),
        };
        let receipt = Receipt {
            party: self.name.clone(),
            index: me.member.index,
            statement: Statement {
                key: session.key,
                session: session.session,
                attempt,
                account: session.account,
                engine: session.engine,
                quorum: session.quorum,
                epoch: session.epoch,
                roster: session.roster,
                public_key: public_key(&secret(session.key)),
                chain_code: Hex([5; 32]),
                auth_key,
                broadcasts: Hex([6; 32]),
            },
        };
        PartyAction::Receipt {
            receipt: receipt.sign(&self.keys.sign).unwrap(),
        }
    }

    async fn say(&self, session: SessionId, attempt: u32, action: PartyAction) {
        let command = PartyCommand {
            session,
            attempt,
            action,
        };
        let bytes = command.sign(&self.name, &self.keys);
        let to = subject::session_commands();
        // A replica that is stopped takes its requests with it; another answers.
        for _ in 0..3 {
            let patience = Duration::from_secs(30);
            let reply = self.bus.request(&to, bytes.clone().into(), patience).await;
            match reply.map(|bytes| PartyReply::from_slice(&bytes).unwrap()) {
                Ok(PartyReply::Refused { retry: true, .. }) | Err(_) => {}
                Ok(_) => return,
            }
        }
    }
}

fn signature(session: &NewSession, conduct: &Conduct) -> Signature {
    let mut digest = session.sign.as_ref().unwrap().digest.0;
    if *conduct == Conduct::WrongSignature {
        digest[0] ^= 1;
    }
    let (signature, id) = secret(session.key).sign_prehash_recoverable(&digest);
    let (r, s) = signature.split_bytes();
    Signature {
        r: Hex(r.into()),
        s: Hex(s.into()),
        v: id.to_byte(),
    }
}

fn secret(key: KeyId) -> SigningKey {
    SigningKey::from_slice(&Sha256::digest(key.0.as_bytes())).unwrap()
}

fn public_key(secret: &SigningKey) -> PublicKey {
    let point = secret.verifying_key().to_sec1_point(true);
    Hex(point.as_bytes().try_into().unwrap())
}
