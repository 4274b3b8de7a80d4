//! What the benchmarks of the whole system measure, and how they tell it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_domain::ids::KeyId;
use countersign_domain::intent::SignPayload;

use crate::account::Account;
use crate::ceremony;
use crate::http::Api;

/// Requests in flight.
pub const IN_FLIGHT: usize = 16;

/// The engine alone and the whole system are measured in turns, so that what else the
/// machine does meets both.
pub const TURNS: u32 = 4;

/// How long a turn is measured.
pub const SPAN: Duration = Duration::from_secs(4);

/// How long a turn goes on before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Signatures per second of both sides, in one run.
#[derive(Debug, Default)]
pub struct Speed {
    engine: f64,
    system: f64,
    made: u64,
}

impl Speed {
    /// Takes one turn of the engine alone on `cores` threads.
    ///
    /// # Panics
    /// When a ceremony fails.
    pub fn engine_turn(&mut self, key: &ceremony::Key, cores: usize) {
        let (rate, _) = rate(cores, |number| {
            let mut digest = [7; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            assert_eq!(ceremony::sign(key, 2, digest).len(), 2);
        });
        self.engine += rate / f64::from(TURNS);
    }

    /// Takes one turn of the whole system, over all of its APIs alike.
    ///
    /// # Panics
    /// When a request fails.
    pub fn system_turn(&mut self, apis: &[Api], account: &Account, key: KeyId) {
        let (rate, made) = rate(IN_FLIGHT, |number| {
            let api = usize::try_from(number).unwrap_or_default() % apis.len();
            signed(&apis[api], account, key);
        });
        self.system += rate / f64::from(TURNS);
        self.made += made;
    }

    /// Signatures that the system has made in all turns, also while they warmed up and
    /// came to their end.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Prints both, and how long requests took that came one at a time.
    ///
    /// # Panics
    /// Without any such request.
    pub fn tell(&self, cores: usize, mut single: Vec<Duration>) {
        let Self { engine, system, .. } = self;
        println!("engine alone, {cores} threads: {engine:.1} signatures/s");
        println!("whole system, {IN_FLIGHT} in flight: {system:.1} signatures/s");
        println!("share of the limit: {:.0} %", 100.0 * system / engine);
        single.sort();
        println!(
            "one request at a time: p50 {:.1} ms, p99 {:.1} ms",
            1000.0 * single[single.len() / 2].as_secs_f64(),
            1000.0 * single[single.len() * 99 / 100].as_secs_f64()
        );
    }
}

/// Makes one signature and returns how long it took.
///
/// # Panics
/// When it is not made.
pub fn signed(api: &Api, account: &Account, key: KeyId) -> Duration {
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

/// How often per second `work` gets done by so many threads that keep at it: what is
/// done within [`SPAN`], once all have begun. And how often it got done in all.
fn rate(threads: usize, work: impl Fn(u64) + Sync) -> (f64, u64) {
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let rate = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    work(begun.fetch_add(1, Ordering::Relaxed));
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(WARM_UP);
        let (started, before) = (Instant::now(), done.load(Ordering::Relaxed));
        std::thread::sleep(SPAN);
        let made = done.load(Ordering::Relaxed) - before;
        let rate = made as f64 / started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        rate
    });
    (rate, done.into_inner())
}

/// Resident memory of a process, in MB; 0 when it is gone.
#[must_use]
pub fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
