use std::sync::Arc;

use countersign_domain::roster::{Member, Roster};
use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::*;
use crate::channel::Sealer;
use crate::identity::IdentityKeys;

const PLACE: (SessionId, u32) = (SessionId(uuid::Uuid::nil()), 1);

/// Alpha and charlie, who speak to bravo.
struct Parties {
    names: [PartyId; 3],
    keys: [Arc<IdentityKeys>; 3],
    members: Vec<Member>,
}

fn parties() -> Parties {
    let names = ["alpha", "bravo", "charlie"].map(|name| name.parse::<PartyId>().unwrap());
    let keys = [1, 2, 3].map(|seed| Arc::new(IdentityKeys::from_seed(&[seed; 64])));
    let pinned = names.iter().zip(&keys);
    let pinned = pinned.map(|(name, keys)| keys.public(name.clone()));
    let roster = Roster::new(pinned.collect()).unwrap();
    Parties {
        members: roster.members(&names).unwrap(),
        names,
        keys,
    }
}

impl Parties {
    fn opener(&self) -> FrameOpener {
        FrameOpener::new(self.names[1].clone(), Arc::clone(&self.keys[1]))
    }

    fn ends<'a>(&'a self, from: &'a PartyId) -> Ends<'a> {
        let to = &self.names[1];
        Ends { from, to }
    }

    /// A channel to bravo, of a key that is for `maker` and that `signer` signs.
    fn channel(&self, maker: usize, signer: usize) -> Sealer {
        let info = self.ends(&self.names[maker]).input(&[]);
        let to = self.keys[1].public(self.names[1].clone());
        let (encapsulated, key) = seal::export_to(&to.seal_key.0, &info, TAG.as_bytes()).unwrap();
        let input = self.ends(&self.names[signer]).input(&encapsulated);
        let signature = self.keys[signer].sign.sign(&input).to_bytes();
        Sealer::new([&encapsulated[..], &signature].concat(), &key)
    }

    /// A frame to bravo that says it is of this party.
    fn frame(&self, channel: &Sealer, from: usize) -> Zeroizing<Vec<u8>> {
        let head = wire::encode(&FrameHeader {
            session: PLACE.0,
            attempt: PLACE.1,
            from: self.names[from].clone(),
            to: self.names[1].clone(),
            round: 1,
            kind: FrameKind::Data,
        });
        let mut bytes = Zeroizing::new(head.clone());
        channel.seal_onto(&mut bytes, &head, b"I owe charlie");
        bytes
    }
}

#[test]
fn nobody_speaks_for_another_in_a_channel_of_its_own() {
    let p = parties();
    let (opener, channel) = (p.opener(), p.channel(2, 2));
    // Whether the receiver knows the channel or not.
    for _ in 0..2 {
        let refused = opener.open(&p.frame(&channel, 0), &p.members, PLACE);
        assert!(
            matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == p.names[0]),
            "{refused:?}"
        );
        let opened = opener.open(&p.frame(&channel, 2), &p.members, PLACE);
        assert_eq!(opened.unwrap().0.from, p.names[2]);
    }
}

#[test]
fn a_key_that_was_made_for_one_sender_serves_no_other() {
    let p = parties();
    // Charlie signs what is alpha's, and even knows what it holds.
    let channel = p.channel(0, 2);
    let refused = p.opener().open(&p.frame(&channel, 2), &p.members, PLACE);
    assert!(
        matches!(&refused, Err(FrameError::Open(from)) if *from == p.names[2]),
        "{refused:?}"
    );
}
