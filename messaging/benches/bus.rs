//! What the in-process bus costs per message, on one core.

use countersign_messaging::{Bus as _, Headers, LocalBus, Payload};
use divan::Bencher;
use futures::executor::block_on;

fn main() {
    divan::main();
}

/// Publish 100 kB to one exact subscriber, among this many wildcard
/// subscriptions of other parties, and receive it.
#[divan::bench(args = [0, 8, 64])]
fn deliver_100_kb(bencher: Bencher<'_, '_>, others: usize) {
    let bus = LocalBus::new();
    let subject = "cs.v1.mpc.00000000-0000-0000-0000-000000000000.1.alpha";
    let mut subscription = block_on(bus.subscribe(subject)).expect("a legal subject");
    let _others: Vec<_> = (0..others)
        .map(|n| block_on(bus.subscribe(&format!("cs.v1.mpc.*.*.party-{n}"))))
        .collect();
    let payload = Payload::from(vec![7; 100_000]);
    bencher.bench_local(|| {
        block_on(async {
            bus.publish(subject, payload.clone(), Headers::new())
                .await
                .expect("a legal subject");
            subscription.next().await
        })
    });
}
