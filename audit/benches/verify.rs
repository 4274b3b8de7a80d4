//! How fast a log is verified: form, hashes, chain and roots of a synthetic log, and
//! the signatures of a real one.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use countersign_audit::bundle::{Header, Lines};
use countersign_audit::verify::{Depth, Trust, Verifier};
use countersign_audit::{
    Checkpoint, Checkpointer, FileCheckpoints, Frontier, SignedCheckpoint, SigningKey, Source,
};
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::Hex;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::{Action, Intent};
use countersign_domain::quorum::Quorum;
use countersign_domain::signature::Signature;
use countersign_event_store::{Envelope, LogError, StreamId};
use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

const ORIGIN: &str = "bench.example/log";

/// Events of the synthetic log.
const EVENTS: u64 = 200_000;

/// How many a batch has, as a bundle is read.
const BATCH: usize = 4096;

/// Sessions whose events are mixed.
const STREAMS: u64 = 500;

/// The same as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

struct Synthetic {
    batches: Vec<Lines>,
    checkpoint: SignedCheckpoint,
    key: SigningKey,
}

/// Events of the size and shape of a session's, chained as the log chains them.
fn synthetic() -> Synthetic {
    let key = SigningKey::new(ORIGIN, &Zeroizing::new([7; 32])).expect("a name");
    let mut tails = vec![(0, [0; 32]); usize::try_from(STREAMS).expect("small")];
    let mut frontier = Frontier::new();
    let mut batches = vec![Lines::default()];
    for position in 1..=EVENTS {
        let stream = position % STREAMS;
        let tail = &mut tails[usize::try_from(stream).expect("small")];
        let envelope = Envelope {
            position,
            stream: StreamId::new("session", Uuid::from_u128(stream.into())),
            version: tail.0 + 1,
            event_type: "ParticipantReported".into(),
            event_version: 1,
            payload: json!({
                "attempt": 1,
                "party": format!("party-{}", position % 3),
                "report": { "kind": "signature", "r": "ab".repeat(32), "s": "12".repeat(32), "v": 1 },
                "type": "ParticipantReported",
            }),
            recorded_at: DateTime::from_timestamp_micros(1_750_000_000_000_000).expect("a time"),
            correlation_id: Uuid::from_u128(stream.into()),
            causation_id: None,
            actor: format!("party:party-{}", position % 3),
            trace_parent: None,
            previous_hash: tail.1,
        };
        *tail = (envelope.version, envelope.hash());
        frontier.push(tail.1);
        let full = batches.last().is_none_or(|batch| batch.len() >= BATCH);
        if full {
            batches.push(Lines::default());
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(&envelope.canonical());
        }
    }
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size: EVENTS,
        root: frontier.root(),
        extensions: vec![],
    };
    Synthetic {
        batches,
        checkpoint: checkpoint.sign(&key).expect("a checkpoint"),
        key,
    }
}

#[divan::bench(sample_count = 5)]
fn events(bencher: Bencher<'_, '_>) {
    let log = synthetic();
    let trust = Trust {
        keys: vec![log.key.verifier().clone()],
        ..Trust::default()
    };
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        let header = Header::new("bench", ORIGIN, EVENTS, trust.keys.clone());
        let checkpoints = vec![log.checkpoint.clone()];
        let mut verifier =
            Verifier::new(header, &checkpoints, &trust, Depth::Structure).expect("a checkpoint");
        for batch in &log.batches {
            verifier.check(batch).expect("no fault");
        }
        verifier.finish(None).expect("no fault")
    });
}

/// The log in memory, as those who follow it get it from the ring of recent events.
#[derive(Debug)]
struct InMemory(Vec<Arc<Envelope>>);

#[async_trait]
impl Source for InMemory {
    async fn head(&self) -> Result<u64, LogError> {
        Ok(self.0.len() as u64)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        let after = usize::try_from(after).expect("small");
        Ok(self.0.iter().skip(after).take(limit).cloned().collect())
    }
}

/// What a checkpointer does for every event that is appended, on one core, and a
/// signature written durably every 1,000 events.
#[divan::bench(sample_count = 5)]
fn checkpoints(bencher: Bencher<'_, '_>) {
    let log = synthetic();
    let lines = log.batches.iter().flat_map(Lines::all);
    let event = |line| {
        Arc::new(
            Envelope::from_canonical(line)
                .expect("canonical")
                .0
                .parsed(),
        )
    };
    let source = InMemory(lines.map(event).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(FileCheckpoints::new(folder.path()));
        runtime.block_on(async {
            let opened = Checkpointer::open(&source, log.key.clone(), store).await;
            let mut checkpointer = opened.expect("nothing signed yet");
            for to in (1000..=EVENTS).step_by(1000) {
                checkpointer.advance(&source, to).await.expect("events");
                checkpointer.sign().await.expect("kept");
            }
        });
    });
}

#[divan::bench]
fn intents_ed25519(bencher: Bencher<'_, '_>) {
    intents(bencher, &AuthSigner::ed25519(&Zeroizing::new([1; 32])));
}

#[divan::bench]
fn intents_secp256k1(bencher: Bencher<'_, '_>) {
    let signer = AuthSigner::secp256k1(&Zeroizing::new([1; 32]));
    intents(bencher, &signer.expect("a scalar"));
}

fn intents(bencher: Bencher<'_, '_>, signer: &AuthSigner) {
    let key = signer.public();
    let issued_at = DateTime::from_timestamp(1_750_000_000, 0).expect("a time");
    let intent = Intent {
        account: AccountId::of(&key.thumbprint()),
        jti: "one".into(),
        issued_at,
        expires_at: issued_at + chrono::Duration::seconds(300),
        action: Action::CreateKey {
            engine: Default::default(),
            quorum: Quorum::new(2, 3).expect("2-of-3"),
        },
    };
    let token = intent.sign(signer).expect("a token");
    bencher
        .counter(ItemsCount::new(1_u64))
        .bench(|| Intent::verify(&token, &key).expect("an intent"));
}

#[divan::bench]
fn signatures(bencher: Bencher<'_, '_>) {
    let secret = k256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar");
    let point = secret.verifying_key().to_sec1_point(true);
    let key = Hex(point.as_bytes().try_into().expect("33 bytes"));
    let digest = Hex([0xd1; 32]);
    let (signature, id) = secret.sign_prehash_recoverable(&digest.0);
    let (r, s) = signature.split_bytes();
    let signature = Signature {
        r: Hex(r.into()),
        s: Hex(s.into()),
        v: id.to_byte(),
    };
    bencher
        .counter(ItemsCount::new(1_u64))
        .bench(|| signature.verify(&digest, &key).expect("it verifies"));
}
