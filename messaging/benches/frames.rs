//! What sealing and opening protocol frames costs, on one core.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use countersign_domain::roster::{Member, Roster};
use countersign_messaging::IdentityKeys;
use countersign_messaging::frame::{FrameKind, FrameOpener, FrameSealer};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Bytes of a body: as large as the first rounds of a signature, and as the last.
const SIZES: [usize; 2] = [64 * 1024, 1024];

struct Setting {
    sender: Arc<IdentityKeys>,
    receiver: Arc<IdentityKeys>,
    members: Vec<Member>,
}

impl Setting {
    fn new() -> Self {
        let [sender, receiver] = [1, 2].map(|seed| IdentityKeys::from_seed(&[seed; 64]));
        let [alpha, bravo] = ["alpha", "bravo"].map(|name| name.parse().expect("a legal name"));
        let identities = vec![sender.public(alpha), receiver.public(bravo)];
        let names = [0, 1].map(|n: usize| identities[n].party.clone());
        let roster = Roster::new(identities).expect("two different parties");
        Self {
            members: roster.members(&names).expect("both are in the roster"),
            sender: Arc::new(sender),
            receiver: Arc::new(receiver),
        }
    }

    fn sealer(&self) -> FrameSealer {
        let alpha = self.members[0].identity.party.clone();
        FrameSealer::new(alpha, Arc::clone(&self.sender))
    }

    fn opener(&self) -> FrameOpener {
        let bravo = self.members[1].identity.party.clone();
        FrameOpener::new(bravo, Arc::clone(&self.receiver))
    }

    fn seal(&self, sealer: &FrameSealer, body: &[u8]) -> Vec<u8> {
        let to = &self.members[1].identity;
        sealer
            .seal((SessionId::default(), 1), to, FrameKind::Data, 1, body)
            .expect("a legal frame")
    }

    fn open(&self, opener: &FrameOpener, bytes: &[u8]) {
        let opened = opener.open(black_box(bytes), &self.members, (SessionId::default(), 1));
        black_box(opened.expect("an honest frame"));
    }
}

/// In a channel that is open.
#[divan::bench(args = SIZES)]
fn seal(bencher: Bencher<'_, '_>, size: usize) {
    let (setting, body) = (Setting::new(), vec![7; size]);
    let sealer = setting.sealer();
    bencher
        .counter(BytesCount::new(size))
        .bench(|| black_box(setting.seal(&sealer, &body)));
}

/// In a channel that is known.
#[divan::bench(args = SIZES)]
fn open(bencher: Bencher<'_, '_>, size: usize) {
    let setting = Setting::new();
    let bytes = setting.seal(&setting.sealer(), &vec![7; size]);
    let opener = setting.opener();
    bencher
        .counter(BytesCount::new(size))
        .bench(|| setting.open(&opener, &bytes));
}

/// The first frame of a channel, of 1 KiB.
#[divan::bench]
fn seal_first(bencher: Bencher<'_, '_>) {
    let setting = Setting::new();
    bencher.bench(|| black_box(setting.seal(&setting.sealer(), &[7; 1024])));
}

/// The first frame of a channel, of 1 KiB.
#[divan::bench]
fn open_first(bencher: Bencher<'_, '_>) {
    let setting = Setting::new();
    let bytes = setting.seal(&setting.sealer(), &[7; 1024]);
    bencher.bench(|| setting.open(&setting.opener(), &bytes));
}
