//! Frames of one attempt: sealed on the way out, verified and opened on the way in.
//! All of it is computation and runs in the pool, with the step that needs it.

use std::sync::Arc;

use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::Member;
use countersign_messaging::frame::{FrameError, FrameKind, FrameOpener, FrameSealer};
use countersign_messaging::{Payload, subject};
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
    sealer: Arc<FrameSealer>,
    opener: Arc<FrameOpener>,
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
        party: &PartyId,
        sealer: Arc<FrameSealer>,
        opener: Arc<FrameOpener>,
        signers: Vec<Member>,
    ) -> Self {
        let peers = signers
            .iter()
            .filter(|member| member.identity.party != *party)
            .map(|member| Peer {
                subject: subject::mpc(session, attempt, &member.identity.party).into(),
                member: member.clone(),
            })
            .collect();
        Self {
            session,
            attempt,
            sealer,
            opener,
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
        self.to_some(|index| index == peer, kind, round, body, out)
    }

    /// Seals to each of some peers.
    fn to_some(
        &self,
        receivers: impl Fn(PartyIndex) -> bool,
        kind: FrameKind,
        round: u8,
        body: &[u8],
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        let place = (self.session, self.attempt);
        for peer in self.peers.iter().filter(|it| receivers(it.member.index)) {
            let to = &peer.member.identity;
            let frame = self.sealer.seal(place, to, kind, round, body)?;
            out.push(Outbound {
                subject: Arc::clone(&peer.subject),
                payload: frame.into(),
            });
        }
        Ok(())
    }

    /// Tells some of the peers that this party is there, and busy.
    pub(super) fn sign_of_life(
        &self,
        receivers: impl Fn(PartyIndex) -> bool,
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        self.to_some(receivers, FrameKind::Resend, ALIVE, &[], out)
    }

    /// Sends a protocol message to its receivers.
    pub(super) fn data(
        &self,
        to: Recipient,
        round: u8,
        body: &[u8],
        out: &mut Vec<Outbound>,
    ) -> Result<(), FrameError> {
        let meant = |index| match to {
            Recipient::All => true,
            Recipient::One(peer) => index == peer,
        };
        self.to_some(meant, FrameKind::Data, round, body, out)
    }

    /// Verifies and opens a frame of a signer of this attempt to this party.
    pub(super) fn open(&self, frame: &[u8]) -> Result<Inbound, FrameError> {
        let place = (self.session, self.attempt);
        let (header, body) = self.opener.open(frame, &self.signers, place)?;
        let from = self
            .peers
            .iter()
            .find(|peer| peer.member.identity.party == header.from)
            .ok_or(FrameError::NotAMember(header.from))?;
        Ok(Inbound {
            from: from.member.index,
            kind: header.kind,
            round: header.round,
            body,
        })
    }
}
