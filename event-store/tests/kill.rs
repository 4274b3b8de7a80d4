//! A process that is killed loses nothing it acknowledged and leaves no halves.
//!
//! The test runs itself as a child that appends and prints each acknowledgement,
//! kills it with SIGKILL after a random number of them and a random moment more,
//! opens the log and looks. The same file serves all rounds.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

use std::{
    collections::HashMap,
    env,
    hint::spin_loop,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::DateTime;
use countersign_event_store::{
    Append, ChainVerifier, CommandRecord, Envelope, EventLog, ExpectedVersion, Metadata, NewEvent,
    SqliteLog, StreamAppend, StreamId,
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

const CHILD: &str = "COUNTERSIGN_KILL_TEST_LOG";
const ROUND: &str = "COUNTERSIGN_KILL_TEST_ROUND";
const KILLS: u64 = 200;
const WRITERS: u64 = 8;
const EVENTS: usize = 3;

#[test]
fn a_killed_process_loses_nothing_and_leaves_no_halves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let (Ok(path), Ok(round)) = (env::var(CHILD), env::var(ROUND)) {
        runtime.block_on(child(Path::new(&path), round.parse().unwrap()));
    } else {
        runtime.block_on(parent());
    }
}

/// Appends until killed. Every append has a number of its own, as its command's id
/// and in each of its events.
async fn child(path: &Path, round: u64) {
    let log = Arc::new(SqliteLog::open(path).await.expect("a log"));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = log.clone();
        writers.spawn(async move {
            for count in 0_u64.. {
                let number = (round << 32) | (writer << 24) | count;
                let appended = log.append(numbered(number, writer)).await.expect("room");
                let first = appended.events[0].position;
                println!("ack {number} {first} {}", appended.last_position);
            }
        });
    }
    // They end only by failing; then the parent misses acknowledgements.
    writers.join_all().await;
}

fn numbered(number: u64, writer: u64) -> Append {
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
        streams: vec![to(writer.to_string(), EVENTS - 1), to("shared".into(), 1)],
        reservations: Vec::new(),
        personal: None,
    }
}

/// What one round's child acknowledged: number, first and last position.
type Acks = Vec<(u64, u64, u64)>;

async fn parent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut verifier = ChainVerifier::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |bound: u64| {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let mut acknowledged = 0;
    for round in 0..KILLS {
        // One round in ten dies while it opens the log.
        let wanted = if next(10) == 0 { 0 } else { 1 + next(60) };
        let moment = Duration::from_nanos(next(if wanted == 0 { 12_000_000 } else { 900_000 }));
        let acks = kill(&path, round, wanted, moment);
        acknowledged += acks.len();
        check(&path, &mut verifier, &acks).await;
    }
    assert!(acknowledged as u64 > KILLS * 10, "{acknowledged} appends");
    // Once more from the start, as the last opening sees it.
    let log = SqliteLog::open(&path).await.unwrap();
    let mut whole = ChainVerifier::new();
    for event in rest(&log, 0).await {
        whole.check(&event).unwrap();
    }
    assert_eq!(whole.position(), verifier.position());
}

/// All events after a position.
async fn rest(log: &SqliteLog, after: u64) -> Vec<Arc<Envelope>> {
    let events = log.read_all(after, usize::MAX).await.unwrap();
    assert_eq!(events.len() as u64, log.head().await.unwrap() - after);
    events
}

/// Runs a child, kills it, and returns all it had said by then.
fn kill(path: &Path, round: u64, wanted: u64, moment: Duration) -> Acks {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_process_loses_nothing_and_leaves_no_halves",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = lines.map_while(Result::ok).filter_map(|line| {
        let mut words = line.strip_prefix("ack ")?.split(' ').map(str::parse);
        Some((
            words.next()?.ok()?,
            words.next()?.ok()?,
            words.next()?.ok()?,
        ))
    });
    let mut seen: Acks = acks.by_ref().take(wanted as usize).collect();
    assert_eq!(seen.len() as u64, wanted, "the child goes on until killed");
    let start = Instant::now();
    while start.elapsed() < moment {
        spin_loop();
    }
    child.kill().unwrap();
    // A line that was cut short was not said.
    seen.extend(acks);
    child.wait().unwrap();
    seen
}

/// Checks what is new in the log since the round before.
async fn check(path: &Path, verifier: &mut ChainVerifier, acks: &Acks) {
    let log = SqliteLog::open(path).await.unwrap();
    let mut appends: HashMap<u64, Vec<u64>> = HashMap::new();
    for event in rest(&log, verifier.position()).await {
        verifier.check(&event).unwrap();
        let number = event.payload["number"].as_u64().unwrap();
        appends.entry(number).or_default().push(event.position);
    }
    for (number, positions) in &appends {
        assert_eq!(positions.len(), EVENTS, "append {number} is whole");
        assert_eq!(positions[EVENTS - 1] - positions[0], EVENTS as u64 - 1);
        let id = Uuid::from_u128((*number).into());
        let command = log.find_command(id).await.unwrap().expect("its command");
        assert_eq!(command.first_position, positions[0]);
        assert_eq!(command.last_position, positions[EVENTS - 1]);
    }
    for (number, first, last) in acks {
        let positions = appends.get(number).expect("what was acknowledged is there");
        assert_eq!((positions[0], positions[EVENTS - 1]), (*first, *last));
    }
    log.close().await.unwrap();
}
