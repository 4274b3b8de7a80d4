//! Positions that are announced are heard, each at most once and none for ever lost.

use std::sync::Arc;

use countersign_messaging::{Bus, LocalBus, head, subject};
use countersign_test_servers::Nats;
use tokio::sync::watch;

use crate::support::{bus, within};

async fn heard(one: Arc<dyn Bus>, two: Arc<dyn Bus>, mut trouble: impl FnMut()) {
    let (positions, announced) = watch::channel(0);
    let (ear, mut hearing) = watch::channel(0);
    let listening = head::listen(two, subject::log_head(), move |position| {
        ear.send_replace(position);
    });
    let announcing = head::announce(one, subject::log_head(), announced);
    let checking = async {
        for position in [7, 8, 1000] {
            // Repeated until the listener listens.
            let positions = &positions;
            let saying = async move {
                for position in position.. {
                    positions.send_replace(position);
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            };
            tokio::select! {
                () = saying => {}
                reached = hearing.wait_for(|heard| *heard >= position) => { reached.unwrap(); }
            }
            trouble();
        }
    };
    within(async {
        tokio::select! {
            () = listening => panic!("the bus is up"),
            () = announcing => panic!("positions go on"),
            () = checking => {}
        }
    })
    .await;
}

#[tokio::test]
async fn in_one_process() {
    let bus = Arc::new(LocalBus::new());
    heard(bus.clone(), bus, || {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_nats_also_after_it_was_away() {
    let mut server = Nats::start().unwrap();
    let (one, two) = (bus(&server).await, bus(&server).await);
    heard(Arc::new(one), Arc::new(two), || {
        server.stop();
        server.resume().unwrap();
    })
    .await;
}
