//! Signatures per second of the whole system in processes of its own, beside what the engine
//! alone reaches in the same run.
//!
//! The system is every process of `docker-compose.yml` on this machine, with its
//! PostgreSQL (fsync on) and NATS, spoken to over HTTP at both replicas; the engine
//! alone runs the same 2-of-3 ceremonies on every core, without network, sealing, log
//! or disk. Needs `DATABASE_URL`: run it by `countersign-test-servers`.

use std::collections::BTreeMap;
use std::time::Instant;

use countersign_e2e::account::Account;
use countersign_e2e::ceremony;
use countersign_e2e::production::Production;
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
    let mut system = Production::up(env!("CARGO_BIN_EXE_countersign"));
    show_memory("idle", &mut system);
    let apis = [system.api(1), system.api(2)];
    let account = Account::new();
    account.register(&apis[0]);
    let started = Instant::now();
    let (key, _) = account.create_key(&apis[0], 2, 3);
    println!(
        "2-of-3 key generation: {:.2} s",
        started.elapsed().as_secs_f64()
    );
    let single = (0..200).map(|_| signed(&apis[0], &account, key)).collect();
    let mut speed = Speed::default();
    let mut work = BTreeMap::new();
    for _ in 0..TURNS {
        speed.engine_turn(&alone, cores);
        let before = cpu_time(&mut system);
        speed.system_turn(&apis, &account, key);
        for (name, after) in cpu_time(&mut system) {
            *work.entry(name.clone()).or_insert(0.0) += after - before.get(&name).unwrap_or(&0.0);
        }
    }
    speed.tell(cores, single);
    let shares: Vec<_> = work
        .iter()
        .map(|(name, seconds)| format!("{name} {:.1}", 1000.0 * seconds / speed.made() as f64))
        .collect();
    println!("ms of CPU a signature: {}", shares.join(", "));
    show_memory("afterwards", &mut system);
}

fn show_memory(when: &str, system: &mut Production) {
    let shown: Vec<_> = system
        .roles()
        .into_iter()
        .map(|role| format!("{role} {}", resident_mb(system.process(&role).pid())))
        .collect();
    println!("MB resident, {when}: {}", shown.join(", "));
}

/// Seconds of CPU that each process of the system has used, and the servers beside it.
fn cpu_time(system: &mut Production) -> BTreeMap<String, f64> {
    let mut times = BTreeMap::from([("clients".to_owned(), seconds(std::process::id()))]);
    for role in system.roles() {
        let pid = system.process(&role).pid();
        times.insert(role, seconds(pid));
    }
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|it| it.parse().ok()) else {
            continue;
        };
        let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        if let name @ ("postgres" | "nats-server") = name.trim() {
            *times.entry(name.to_owned()).or_default() += seconds(pid);
        }
    }
    times
}

/// User and system time of a process, from its `stat` in ticks of 10 ms (proc(5)).
fn seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}
