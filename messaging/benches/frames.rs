//! What sealing and opening protocol frames costs, on one core.

use countersign_domain::ids::SessionId;
use countersign_domain::roster::{Member, Roster};
use countersign_messaging::IdentityKeys;
use countersign_messaging::frame::{FrameHeader, FrameKind, open_frame, seal_frame};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// A 64 KiB body to one party; a 1 KiB body to all.
const SHAPES: [(usize, bool); 2] = [(64 * 1024, false), (1024, true)];

struct Setting {
    header: FrameHeader,
    body: Vec<u8>,
    sender: IdentityKeys,
    receiver: IdentityKeys,
    members: Vec<Member>,
}

impl Setting {
    fn new((size, broadcast): (usize, bool)) -> Self {
        let [alpha, bravo] = ["alpha", "bravo"].map(|name| name.parse().expect("a legal name"));
        let sender = IdentityKeys::from_seed(&[1; 64]);
        let receiver = IdentityKeys::from_seed(&[2; 64]);
        let identities = vec![sender.public(alpha), receiver.public(bravo)];
        let [alpha, bravo] = [0, 1].map(|n: usize| identities[n].party.clone());
        let roster = Roster::new(identities).expect("two different parties");
        Self {
            members: roster
                .members(&[alpha.clone(), bravo.clone()])
                .expect("both are in the roster"),
            header: FrameHeader {
                session: SessionId::default(),
                attempt: 1,
                from: alpha,
                to: (!broadcast).then_some(bravo),
                round: 1,
                kind: FrameKind::Data,
            },
            body: vec![7; size],
            sender,
            receiver,
        }
    }

    fn seal(&self) -> Vec<u8> {
        let recipient = self.header.to.as_ref().map(|_| &self.members[1].identity);
        seal_frame(&self.header, &self.body, &self.sender, recipient).expect("a legal frame")
    }
}

#[divan::bench(args = SHAPES)]
fn seal(bencher: Bencher<'_, '_>, shape: (usize, bool)) {
    let setting = Setting::new(shape);
    bencher
        .counter(BytesCount::new(setting.body.len()))
        .bench(|| black_box(setting.seal()));
}

#[divan::bench(args = SHAPES)]
fn open(bencher: Bencher<'_, '_>, shape: (usize, bool)) {
    let setting = Setting::new(shape);
    let bytes = setting.seal();
    let me = &setting.members[1].identity.party;
    bencher
        .counter(BytesCount::new(setting.body.len()))
        .bench(|| {
            open_frame(
                black_box(&bytes),
                me,
                &setting.receiver,
                &setting.members,
                SessionId::default(),
                1,
            )
            .expect("an honest frame")
        });
}
