//! Signatures per second of the whole embedded system, beside what the engine
//! alone reaches in the same run.
//!
//! The system is a `countersign dev` process of its own, spoken to over HTTP; the
//! engine alone runs the same 2-of-3 ceremonies on every core, without network,
//! sealing, log or disk.

use std::time::Instant;

use countersign_e2e::account::Account;
use countersign_e2e::ceremony;
use countersign_e2e::dev::Dev;
use countersign_e2e::speed::{Speed, TURNS, resident_mb, signed};

/// The same as in the program, so that it gives neither side an advantage.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // `cargo test --benches` passes `--test`: nothing to check here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let alone = ceremony::generate(2, 3);
    let folder = tempfile::tempdir().expect("a folder");
    let dev = Dev::start(env!("CARGO_BIN_EXE_countersign"), folder.path());
    println!("dev, idle: {} MB resident", resident_mb(dev.pid()));
    let account = Account::new();
    account.register(&dev.api);
    let started = Instant::now();
    let (key, _) = account.create_key(&dev.api, 2, 3);
    println!(
        "2-of-3 key generation: {:.2} s",
        started.elapsed().as_secs_f64()
    );
    let single = (0..100).map(|_| signed(&dev.api, &account, key)).collect();
    let mut speed = Speed::default();
    for _ in 0..TURNS {
        speed.engine_turn(&alone, cores);
        speed.system_turn(std::slice::from_ref(&dev.api), &account, key);
    }
    speed.tell(cores, single);
    println!("dev, afterwards: {} MB resident", resident_mb(dev.pid()));
}
