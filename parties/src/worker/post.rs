//! Frames of one attempt: sealed and signed on the way out, verified and opened on
//! the way in. All of it is computation and runs in the pool, with the step that
//! needs it.

use std::sync::Arc;

use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::Member;
use countersign_messaging::frame::{FrameError, FrameHeader, FrameKind, open_frame, seal_frame};
use countersign_messaging::{IdentityKeys, Payload, subject};
use zeroize::Zeroizing;

use crate::engine::{PartyIndex, Recipient};

/// No protocol has this round. A request for it asks for nothing: it says that
/// its sender is there.
const ALIVE: u8 = 0;

/// A frame that is ready to be published.
pub(super) struct Outbound {
    pub(super) subject: Arc<str>,
    pub(super) payload: Payload,
}

/// A frame that was verified.
pub(super) struct Inbound {
    pub(super) from: PartyIndex,
    pub(super) kind: FrameKind,
    pub(super) round: u8,
    /// Whether it was sent to all, in clear.
    pub(super) broadcast: bool,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Inbound {
    /// Whether it only says that its sender is there.
    pub(super) fn is_sign_of_life(&self) -> bool {
        self.kind == FrameKind::Resend && self.round == ALIVE
    }
}

/// The post of one party in one attempt.
pub(super) struct Post {
    session: SessionId,
    attempt: u32,
    party: PartyId,
    keys: Arc<IdentityKeys>,
    /// Who may speak: the signers, this party among them.
    signers: Vec<Member>,
    peers: Vec<Peer>,
}

struct Peer {
    member: Member,
    subject: Arc<str>,
}

impl Post {
    pub(super) fn new(
        session: SessionId,
        attempt: u32,
        party: PartyId,
        keys: Arc<IdentityKeys>,
        signers: Vec<Member>,
    ) -> Self {
        let peers = signers
            .iter()
            .filter(|member| member.identity.party != party)
            .map(|member| Peer {
                subject: subject::mpc(session, attempt, &member.identity.party).into(),
                member: member.clone(),
            })
            .collect();
        Self {
            session,
            attempt,
            party,
            keys,
            signers,
            peers,
        }
    }

    /// The other signers, by index.
    pub(super) fn peers(&self) -> impl Iterator<Item = PartyIndex> {
        self.peers.iter().map(|peer| peer.member.index)
    }

    /// The name of a signer.
    pub(super) fn name(&self, index: PartyIndex) -> Option<&PartyId> {
        let member = self.signers.iter().find(|m| m.index == index)?;
        Some(&member.identity.party)
    }

    /// Seals to one peer.
    pub(super) fn to_one(
        &self,
        peer: PartyIndex,
        kind: FrameKind,
        round: u8,
        body: &[u8],
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        let Some(peer) = self.peers.iter().find(|p| p.member.index == peer) else {
            return Ok(());
        };
        let identity = &peer.member.identity;
        let header = self.header(Some(identity.party.clone()), kind, round);
        let frame = seal_frame(&header, body, &self.keys, Some(identity))?;
        out.push(Outbound {
            subject: Arc::clone(&peer.subject),
            payload: frame.into(),
        });
        Ok(())
    }

    /// Signs one frame for some of the peers, in clear.
    pub(super) fn in_clear(
        &self,
        receivers: impl Fn(PartyIndex) -> bool,
        kind: FrameKind,
        round: u8,
        body: &[u8],
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        let mut receivers = self
            .peers
            .iter()
            .filter(|peer| receivers(peer.member.index))
            .peekable();
        if receivers.peek().is_none() {
            return Ok(());
        }
        let header = self.header(None, kind, round);
        let payload = Payload::from(seal_frame(&header, body, &self.keys, None)?);
        out.extend(receivers.map(|peer| Outbound {
            subject: Arc::clone(&peer.subject),
            payload: payload.clone(),
        }));
        Ok(())
    }

    /// Tells some of the peers that this party is there, and busy.
    pub(super) fn sign_of_life(
        &self,
        receivers: impl Fn(PartyIndex) -> bool,
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        self.in_clear(receivers, FrameKind::Resend, ALIVE, &[], out)
    }

    /// Sends a protocol message as its receivers demand.
    pub(super) fn data(
        &self,
        to: Recipient,
        broadcast: bool,
        round: u8,
        body: &[u8],
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        match to {
            Recipient::All => self.in_clear(|_| true, FrameKind::Data, round, body, out),
            Recipient::One(peer) if broadcast => {
                self.in_clear(|index| index == peer, FrameKind::Data, round, body, out)
            }
            Recipient::One(peer) => self.to_one(peer, FrameKind::Data, round, body, out),
        }
    }

    /// Verifies and opens a frame of a signer of this attempt to this party.
    pub(super) fn open(&self, frame: &[u8]) -> Result<Inbound, FrameError> {
        let (header, body) = open_frame(
            frame,
            &self.party,
            &self.keys,
            &self.signers,
            self.session,
            self.attempt,
        )?;
        let from = self
            .peers
            .iter()
            .find(|peer| peer.member.identity.party == header.from)
            .ok_or(FrameError::NotAMember(header.from))?;
        Ok(Inbound {
            from: from.member.index,
            kind: header.kind,
            round: header.round,
            broadcast: header.to.is_none(),
            body,
        })
    }

    fn header(&self, to: Option<PartyId>, kind: FrameKind, round: u8) -> FrameHeader {
        FrameHeader {
            session: self.session,
            attempt: self.attempt,
            from: self.party.clone(),
            to,
            round,
            kind,
        }
    }
}
