//! 500 clients of the event stream on loopback, at 1,000 events a second.
//!
//! The server is this process, over a SQLite log with `synchronous=FULL` to which the
//! events are appended one by one; the clients are a process of their own. It prints how
//! many events were delivered of those that should have been, how long after they were
//! made, and the server's peak memory. Times are taken from the machine's one clock.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_domain::Timestamp;
use countersign_domain::roster::Roster;
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, HashKey, Metadata, NewEvent, SqliteLog, StreamAppend,
    StreamId,
};
use countersign_messaging::IdentityKeys;
use countersign_messaging::presence::Presence;
use countersign_messaging::progress::ProgressBoard;
use countersign_projections::{MemoryStore, ReadModels};
use countersign_read_api::{ReadApi, ReadApiConfig, router};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use uuid::Uuid;
use zeroize::Zeroizing;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: u64 = 500;
const RATE: u64 = 1_000;
const SECONDS: u64 = 10;
const EVENTS: u64 = RATE * SECONDS;

/// How long the last events may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    // `cargo test --benches` passes `--test`: nothing to check here.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match arguments.get(1).map(String::as_str) {
        Some("clients") => runtime.block_on(clients(arguments[2].parse().expect("an address"))),
        _ => runtime.block_on(server()),
    }
}

async fn server() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = SqliteLog::open(folder.path().join("events.db")).await;
    let log = Arc::new(log.expect("a log"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let api = router(Arc::new(api(log.clone())));
    tokio::spawn(async move { axum::serve(listener, api).await });

    let mut clients = Command::new(std::env::current_exe().expect("this"))
        .args(["clients", &address.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("clients");
    let mut told = BufReader::new(clients.stdout.take().expect("piped")).lines();
    let ready = told.next_line().await.expect("a line");
    assert_eq!(ready.as_deref(), Some("ready"));
    println!("MB resident with {CLIENTS} clients: {}", memory("VmRSS"));

    let begun = Instant::now();
    for number in 0..EVENTS {
        let due = begun + Duration::from_micros(number * 1_000_000 / RATE);
        tokio::time::sleep_until(due.into()).await;
        let log = log.clone();
        // What the disk takes for one does not hold up the next.
        tokio::spawn(async move { log.append(append(number)).await.expect("appended") });
    }
    println!(
        "{EVENTS} events appended at {:.0} /s",
        EVENTS as f64 / begun.elapsed().as_secs_f64()
    );
    while let Some(line) = told.next_line().await.expect("a line") {
        println!("{line}");
    }
    println!("peak MB of the server: {}", memory("VmHWM"));
}

fn api(log: Arc<SqliteLog>) -> ReadApi {
    let name = "party-1".parse().expect("a name");
    let party = IdentityKeys::from_seed(&[1; 64]).public(name);
    let roster = Arc::new(Roster::new(vec![party]).expect("a roster"));
    ReadApi::new(ReadApiConfig {
        personal: log.clone(),
        hash_key: HashKey::new(Zeroizing::new([7; 32])),
        log,
        models: Arc::new(ReadModels::new(Arc::new(MemoryStore::new()))),
        presence: Arc::new(Presence::new(roster.clone())),
        progress: Arc::new(ProgressBoard::new(roster.clone())),
        roster,
        clock: Arc::new(|| Timestamp::from_timestamp_micros(micros()).expect("a time")),
        entropy: Arc::new(|| [7; 16]),
    })
}

/// One event of a stream of eight.
fn append(number: u64) -> Append {
    Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(number.into()),
            causation_id: None,
            actor: "party:party-1".into(),
            trace_parent: Some(format!("00-{:032x}-{:016x}-01", number + 1, number + 1)),
        },
        recorded_at: Timestamp::from_timestamp_micros(micros()).expect("a time"),
        streams: vec![StreamAppend {
            stream: StreamId::new("session", Uuid::from_u128((number / 8).into())),
            expected: ExpectedVersion::Any,
            events: vec![NewEvent {
                event_type: "ParticipantJoined".into(),
                event_version: 1,
                payload: json!({
                    "type": "ParticipantJoined", "party": "party-1", "made_us": micros(),
                    "device": { "name": "countersign", "version": "x".repeat(200) },
                }),
            }],
        }],
        reservations: vec![],
        personal: None,
    }
}

async fn clients(address: SocketAddr) {
    let mut tasks = JoinSet::new();
    let (ready, mut heard) = tokio::sync::mpsc::channel(1);
    for number in 0..CLIENTS {
        let ready = ready.clone();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let request = "GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(request.as_bytes()).await.expect("sent");
            listen(stream, number % 10 == 0, ready).await
        });
    }
    for _ in 0..CLIENTS {
        heard.recv().await.expect("a client");
    }
    println!("ready");
    let begun = Instant::now();
    let (mut delivered, mut lags) = (0, vec![]);
    while let Some(done) = tasks.join_next().await {
        let (events, mut some) = done.expect("a client");
        delivered += events;
        lags.append(&mut some);
    }
    let wanted = CLIENTS * EVENTS;
    println!(
        "delivered {delivered} of {wanted} events to {CLIENTS} clients, {:.0} /s of {} /s wanted",
        delivered as f64 / begun.elapsed().as_secs_f64(),
        CLIENTS * RATE
    );
    lags.sort_unstable();
    let at = |share: f64| lags[(share * (lags.len() - 1) as f64) as usize] as f64 / 1000.0;
    println!(
        "from an event's making to a client: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Counts events until all have come; of some clients, how late each was.
async fn listen(
    mut stream: TcpStream,
    measured: bool,
    ready: tokio::sync::mpsc::Sender<()>,
) -> (u64, Vec<i64>) {
    const MARK: &[u8] = b"\"made_us\":";
    let (mut events, mut lags) = (0, vec![]);
    let mut text = Vec::with_capacity(1 << 16);
    let mut greeted = false;
    while events < EVENTS {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut text)).await;
        if !matches!(read, Ok(Ok(1..))) {
            break;
        }
        if !greeted && text.windows(15).any(|w| w == b"event: position") {
            greeted = true;
            ready.send(()).await.expect("heard");
        }
        let now = micros();
        let mut taken = 0;
        while let Some(place) = find(&text[taken..], MARK) {
            let begin = taken + place + MARK.len();
            let digits = text[begin..].iter().take_while(|b| b.is_ascii_digit());
            let end = begin + digits.count();
            if end == text.len() {
                // The number may go on.
                break;
            }
            events += 1;
            if measured {
                let made = std::str::from_utf8(&text[begin..end]).expect("digits");
                lags.push(now - made.parse::<i64>().expect("a number"));
            }
            taken = end;
        }
        // What may be the beginning of another mark stays.
        let keep = text.len().saturating_sub(MARK.len() + 20).max(taken);
        text.drain(..keep);
    }
    (events, lags)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(place) = text[from..].iter().position(|b| *b == what[0]) {
        if text[from + place..].starts_with(what) {
            return Some(from + place);
        }
        from += place + 1;
    }
    None
}

fn micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.expect("after 1970").as_micros();
    i64::try_from(micros).expect("before the year 292278")
}

/// A figure of this process in MB (proc(5)).
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kb.unwrap_or_default() / 1024
}
