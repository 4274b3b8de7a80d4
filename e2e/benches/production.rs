//! Signatures per second of the whole system in processes of its own, beside what the engine
//! alone reaches in the same run.
//!
//! The system is every process of `docker-compose.yml` on this machine, with its
//! PostgreSQL (fsync on) and NATS, spoken to over HTTP at both replicas; the engine
//! alone runs the same 2-of-3 ceremonies on every core, without network, sealing, log
//! or disk. Needs `DATABASE_URL`: run it by `countersign-test-servers`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_domain::ids::KeyId;
use countersign_domain::intent::SignPayload;
use countersign_e2e::account::Account;
use countersign_e2e::ceremony;
use countersign_e2e::http::Api;
use countersign_e2e::production::Production;

/// The same as in the program, so that it gives neither side an advantage.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in flight.
const IN_FLIGHT: usize = 16;

/// Both are measured in turns, so that what else the machine does meets both.
const TURNS: u32 = 4;

/// How long a turn takes.
const SPAN: Duration = Duration::from_secs(4);

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
    let mut single: Vec<Duration> = (0..200).map(|_| signed(&apis[0], &account, key)).collect();
    let (mut limit, mut whole) = (0.0, 0.0);
    let mut work = BTreeMap::new();
    for _ in 0..TURNS {
        limit += engine_only(&alone, cores) / f64::from(TURNS);
        let before = cpu_time(&mut system);
        whole += whole_system(&apis, &account, key) / f64::from(TURNS);
        for (name, after) in cpu_time(&mut system) {
            *work.entry(name.clone()).or_insert(0.0) += after - before.get(&name).unwrap_or(&0.0);
        }
    }
    println!("engine alone, {cores} threads: {limit:.1} signatures/s");
    println!("whole system, {IN_FLIGHT} in flight: {whole:.1} signatures/s");
    println!("share of the limit: {:.0} %", 100.0 * whole / limit);
    single.sort();
    println!(
        "one request at a time: p50 {:.1} ms, p99 {:.1} ms",
        1000.0 * single[single.len() / 2].as_secs_f64(),
        1000.0 * single[single.len() * 99 / 100].as_secs_f64()
    );
    let made = whole * SPAN.as_secs_f64() * f64::from(TURNS);
    let shares: Vec<_> = work
        .iter()
        .map(|(name, seconds)| format!("{name} {:.1}", 1000.0 * seconds / made))
        .collect();
    println!("ms of CPU a signature: {}", shares.join(", "));
    show_memory("afterwards", &mut system);
}

fn engine_only(key: &ceremony::Key, threads: usize) -> f64 {
    rate(threads, |number| {
        let mut digest = [7; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        assert_eq!(ceremony::sign(key, 2, digest).len(), 2);
    })
}

fn whole_system(apis: &[Api; 2], account: &Account, key: KeyId) -> f64 {
    rate(IN_FLIGHT, |number| {
        signed(&apis[usize::from(number % 2 == 1)], account, key);
    })
}

/// Makes one signature and returns how long it took.
fn signed(api: &Api, account: &Account, key: KeyId) -> Duration {
    let mut digest = [0; 32];
    getrandom::fill(&mut digest).expect("entropy");
    let payload = SignPayload::Digest {
        hash: None,
        digest: digest.into(),
    };
    let intent = account.intent(Account::sign_action(key, payload));
    let started = Instant::now();
    let answer = api.post(&format!("/v1/keys/{key}/signatures"), &intent, 60);
    assert_eq!(answer.body["status"], "completed", "{}", answer.body);
    started.elapsed()
}

/// How often per second `work` gets done by so many threads.
fn rate(threads: usize, work: impl Fn(u64) + Sync) -> f64 {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    work(done.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        std::thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
    });
    // The threads finished what they had begun: all of it took this long.
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
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

fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
