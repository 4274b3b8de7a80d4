//! Four processes append with sixteen writers each, one of them is killed, and
//! readers watch: no gap, no other order, nothing acknowledged lost.
//!
//! The test runs itself as children that append and print each acknowledgement.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use countersign_event_store::{
    Append, ChainVerifier, CommandRecord, EventLog, ExpectedVersion, Metadata, NewEvent,
    PostgresConfig, PostgresLog, StreamAppend, StreamId, postgres,
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

const CHILD: &str = "COUNTERSIGN_KILL_TEST_PROCESS";
const URL: &str = "COUNTERSIGN_KILL_TEST_URL";
const PROCESSES: u64 = 4;
const WRITERS: u64 = 16;
const EVENTS: usize = 3;
/// Acknowledgements of each process before one is killed, and of the others after.
const ACKS: usize = 150;

#[test]
fn a_killed_process_among_others_loses_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let (Ok(process), Ok(url)) = (env::var(CHILD), env::var(URL)) {
        runtime.block_on(child(&url, process.parse().unwrap()));
    } else {
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(180), parent())
                .await
                .expect("it ends in time");
        });
    }
}

async fn open(url: &str) -> PostgresLog {
    let log = PostgresLog::connect(PostgresConfig::new(url)).await;
    log.expect("a log")
}

/// Appends until killed. Every append has a number of its own, as its command's id
/// and in each of its events.
async fn child(url: &str, process: u64) {
    let log = Arc::new(open(url).await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = log.clone();
        writers.spawn(async move {
            for count in 0_u64.. {
                let number = (process << 40) | (writer << 32) | count;
                let appended = log.append(numbered(number)).await.expect("appended");
                let first = appended.events[0].position;
                println!("ack {number} {first} {}", appended.last_position);
            }
        });
    }
    // They end only by failing; then the parent misses acknowledgements.
    writers.join_all().await;
}

fn numbered(number: u64) -> Append {
    let to = |id: String, events| StreamAppend {
        stream: StreamId::new("session", id),
        expected: ExpectedVersion::Any,
        events: vec![
            NewEvent {
                event_type: "Happened".into(),
                event_version: 1,
                payload: json!({"number": number, "filler": "x".repeat(number as usize % 300)}),
            };
            events
        ],
    };
    let id = Uuid::from_u128(number.into());
    Append {
        command: Some(CommandRecord {
            id,
            fingerprint: [7; 32],
        }),
        metadata: Metadata {
            correlation_id: id,
            causation_id: None,
            actor: "test".into(),
            trace_parent: None,
        },
        recorded_at: DateTime::UNIX_EPOCH,
        streams: vec![
            to((number >> 32).to_string(), EVENTS - 1),
            to("shared".into(), 1),
        ],
        reservations: Vec::new(),
        personal: None,
    }
}

/// An acknowledgement: number, first and last position.
type Ack = (u64, u64, u64);

fn start(url: &str, process: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_among_others_loses_nothing"])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, process.to_string())
        .env(URL, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn ack(line: &str) -> Option<Ack> {
    let mut words = line.strip_prefix("ack ")?.split(' ').map(str::parse);
    Some((
        words.next()?.ok()?,
        words.next()?.ok()?,
        words.next()?.ok()?,
    ))
}

/// Reads acknowledgements; says when there are `ACKS` and kills the child when it is
/// time. A line that was cut short was not said.
fn watch(
    mut child: Child,
    output: BufReader<ChildStdout>,
    enough: &std::sync::mpsc::Sender<()>,
    end: &AtomicBool,
) -> Vec<Ack> {
    let mut acks = Vec::new();
    let mut killed = false;
    for line in output.lines().map_while(Result::ok) {
        acks.extend(ack(&line));
        if acks.len() == ACKS {
            enough.send(()).unwrap();
        }
        if !killed && acks.len() >= ACKS && end.load(Ordering::SeqCst) {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "the child goes on until killed");
    child.wait().unwrap();
    acks
}

/// Follows the log by looking again and again, and checks all it sees.
async fn reader(url: String, done: Arc<AtomicBool>) -> u64 {
    let log = open(&url).await;
    let mut verifier = ChainVerifier::new();
    loop {
        let ended = done.load(Ordering::SeqCst);
        let events = log.read_all(verifier.position(), 1000).await.unwrap();
        for event in &events {
            verifier.check(event).unwrap();
        }
        let (count, last): (i64, i64) =
            sqlx::query_as("SELECT count(*), coalesce(max(position), 0) FROM events")
                .fetch_one(log.pool())
                .await
                .unwrap();
        assert_eq!(count, last, "no gap in what is visible");
        if ended && events.is_empty() {
            return verifier.position();
        }
    }
}

async fn parent() {
    let url = countersign_test_servers::database().await.url;
    postgres::migrate(&url[..].into()).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        readers.spawn(reader(url.clone(), done.clone()));
    }
    let ends: Vec<_> = (0..PROCESSES)
        .map(|_| Arc::new(AtomicBool::new(false)))
        .collect();
    let (enough, told) = std::sync::mpsc::channel();
    let watchers: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let (child, output) = start(&url, process);
            let end = ends[process as usize].clone();
            let enough = enough.clone();
            std::thread::spawn(move || watch(child, output, &enough, &end))
        })
        .collect();
    let log = open(&url).await;
    let acks = tokio::task::spawn_blocking(move || {
        for _ in 0..PROCESSES {
            // A child that fails says nothing.
            told.recv_timeout(Duration::from_secs(90)).unwrap();
        }
        let mut watchers = watchers.into_iter();
        ends[0].store(true, Ordering::SeqCst);
        let mut acks = watchers.next().unwrap().join().unwrap();
        // The others go on without it: they are ended only now.
        for end in &ends[1..] {
            end.store(true, Ordering::SeqCst);
        }
        acks.extend(watchers.flat_map(|watcher| watcher.join().unwrap()));
        acks
    })
    .await
    .unwrap();
    // One more append, behind which nobody's is under way.
    log.append(numbered(u64::from(u32::MAX) << 16))
        .await
        .unwrap();
    done.store(true, Ordering::SeqCst);
    let head = log.head().await.unwrap();
    for position in readers.join_all().await {
        assert_eq!(position, head);
    }
    check(&log, &acks).await;
}

/// Every append is there whole or not at all, and what was acknowledged is there.
async fn check(log: &PostgresLog, acks: &[Ack]) {
    let mut appends: HashMap<u64, Vec<u64>> = HashMap::new();
    for event in log.read_all(0, usize::MAX).await.unwrap() {
        let number = event.payload["number"].as_u64().unwrap();
        appends.entry(number).or_default().push(event.position);
    }
    for (number, positions) in &appends {
        assert_eq!(positions.len(), EVENTS, "append {number} is whole");
        assert_eq!(positions[EVENTS - 1] - positions[0], EVENTS as u64 - 1);
    }
    let commands: i64 = sqlx::query_scalar("SELECT count(*) FROM commands")
        .fetch_one(log.pool())
        .await
        .unwrap();
    assert_eq!(commands as usize, appends.len());
    assert!(acks.len() >= ACKS * PROCESSES as usize);
    for (number, first, last) in acks {
        let positions = appends.get(number).expect("what was acknowledged is there");
        assert_eq!((positions[0], positions[EVENTS - 1]), (*first, *last));
    }
}
