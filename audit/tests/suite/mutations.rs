//! Random tampering of every kind: all of it is caught. Each kind counts what it
//! caught, and prints it.

use std::sync::OnceLock;

use countersign_audit::verify::{Depth, Trust, verify_bundle};
use countersign_event_store::Envelope;
use fastrand::Rng;
use serde_json::Value;

use crate::bundle::written;
use crate::history::History;
use crate::tampered::{Bundle, heal, log_key, other_key, pinned, signed};

/// How many of each kind.
const COUNT: usize = 2_000;

fn events() -> &'static [Envelope] {
    static EVENTS: OnceLock<Vec<Envelope>> = OnceLock::new();
    EVENTS.get_or_init(|| History::short().events)
}

/// The bundle that is tampered with: signed at three sizes, the whole among them.
fn bundle() -> Bundle {
    let size = events().len() as u64;
    Bundle::of(events(), &[4, 11, size])
}

/// Tampers so often, and counts how often it was caught. What only the order, the
/// hashes and the roots can catch is verified only so far: the rest finds no less.
fn caught(kind: &str, seed: u64, depth: Depth, tamper: impl Fn(&mut Rng) -> (Bundle, Trust)) {
    let mut rng = Rng::with_seed(seed);
    let mut missed = vec![];
    for number in 0..COUNT {
        let (bundle, trust) = tamper(&mut rng);
        if bundle.verify(&trust, depth).is_ok() {
            missed.push(number);
        }
    }
    println!("{kind}: {} of {COUNT} caught", COUNT - missed.len());
    assert!(missed.is_empty(), "{kind}: not caught: {missed:?}");
}

fn index(rng: &mut Rng) -> usize {
    rng.usize(..events().len())
}

/// A bundle of changed events that keeps the checkpoints of the true ones.
fn rewritten(events: &[Envelope]) -> Bundle {
    let mut bundle = Bundle::of(events, &[]);
    bundle.checkpoints = self::bundle().checkpoints;
    bundle.close();
    bundle
}

#[test]
fn the_untampered_bundle_verifies() {
    let bundle = bundle();
    bundle
        .verify(&pinned(), Depth::Structure)
        .expect("no fault");
    bundle.verify(&pinned(), Depth::Meaning).expect("no fault");
}

#[test]
fn a_bit_of_an_event_flipped() {
    caught("bit flipped", 1, Depth::Structure, |rng| {
        let mut bundle = bundle();
        let line = &mut bundle.lines[index(rng)];
        let bit = rng.usize(..line.len() * 8);
        line[bit / 8] ^= 1 << (bit % 8);
        bundle.close();
        (bundle, pinned())
    });
}

#[test]
fn a_bit_of_the_file_flipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(&bundle(), &folder.path().join("bundle"));
    verify_bundle(&path, &pinned(), Depth::Structure).expect("no fault");
    let bytes = std::fs::read(&path).expect("the file");
    let mut rng = Rng::with_seed(2);
    for _ in 0..COUNT {
        let mut tampered = bytes.clone();
        let bit = rng.usize(..bytes.len() * 8);
        tampered[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &tampered).expect("the file");
        let verified = verify_bundle(&path, &pinned(), Depth::Structure);
        assert!(verified.is_err(), "bit {bit} of the file");
    }
    println!("bit of the file flipped: {COUNT} of {COUNT} caught");
}

#[test]
fn the_file_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(&bundle(), &folder.path().join("bundle"));
    let bytes = std::fs::read(&path).expect("the file");
    let mut rng = Rng::with_seed(3);
    for _ in 0..COUNT {
        let length = rng.usize(..bytes.len());
        std::fs::write(&path, &bytes[..length]).expect("the file");
        let verified = verify_bundle(&path, &pinned(), Depth::Structure);
        assert!(verified.is_err(), "cut off at {length}");
    }
    println!("file cut off: {COUNT} of {COUNT} caught");
}

#[test]
fn an_event_removed() {
    caught("removed", 4, Depth::Structure, |rng| {
        let mut bundle = bundle();
        bundle.lines.remove(index(rng));
        bundle.close();
        (bundle, pinned())
    });
    caught("removed, the rest renumbered", 5, Depth::Structure, |rng| {
        let mut events = events().to_vec();
        events.remove(index(rng));
        heal(&mut events);
        (rewritten(&events), pinned())
    });
}

#[test]
fn events_swapped() {
    let two = |rng: &mut Rng| loop {
        let (a, b) = (index(rng), index(rng));
        if a != b {
            return (a, b);
        }
    };
    caught("swapped", 6, Depth::Structure, |rng| {
        let mut bundle = bundle();
        let (a, b) = two(rng);
        bundle.lines.swap(a, b);
        bundle.close();
        (bundle, pinned())
    });
    caught("swapped, all renumbered", 7, Depth::Structure, |rng| {
        let mut events = events().to_vec();
        let (a, b) = two(rng);
        events.swap(a, b);
        heal(&mut events);
        (rewritten(&events), pinned())
    });
}

#[test]
fn an_event_inserted() {
    caught("inserted", 8, Depth::Structure, |rng| {
        let mut bundle = bundle();
        let line = bundle.lines[index(rng)].clone();
        bundle.lines.insert(rng.usize(..=events().len()), line);
        bundle.close();
        (bundle, pinned())
    });
    caught(
        "inserted, the rest renumbered",
        9,
        Depth::Structure,
        |rng| {
            let mut events = events().to_vec();
            // The last one once more at the end would be a longer log: that is for the
            // meaning to find.
            let (from, to) = loop {
                let (from, to) = (index(rng), index(rng));
                if (from, to) != (events.len() - 1, events.len() - 1) {
                    break (from, to);
                }
            };
            let event = events[from].clone();
            events.insert(to, event);
            heal(&mut events);
            (rewritten(&events), pinned())
        },
    );
}

#[test]
fn the_end_cut_off() {
    caught("cut off", 10, Depth::Structure, |rng| {
        let mut bundle = bundle();
        bundle.lines.truncate(index(rng));
        bundle.close();
        (bundle, pinned())
    });
}

#[test]
fn the_log_rolled_back_behind_what_was_seen() {
    caught("rolled back", 11, Depth::Structure, |rng| {
        let seen = rng.u64(2..=events().len() as u64);
        let size = rng.u64(1..seen);
        let taken = usize::try_from(size).expect("small");
        // An older log with a checkpoint of its own, all as it once was.
        let older = Bundle::of(&events()[..taken], &[size]);
        let trust = Trust {
            seen: vec![bundle().checkpoint(seen, &log_key())],
            ..pinned()
        };
        (older, trust)
    });
}

#[test]
fn the_chain_rewritten_with_all_hashes() {
    let rewrite = |rng: &mut Rng| {
        let mut events = events().to_vec();
        let at = index(rng);
        change(rng, &mut events[at].payload, &|_| true);
        heal(&mut events);
        (events, at as u64 + 1)
    };
    caught("rewritten", 12, Depth::Structure, |rng| {
        (rewritten(&rewrite(rng).0), pinned())
    });
    caught(
        "rewritten, signed by another key",
        13,
        Depth::Structure,
        |rng| {
            let mut bundle = Bundle::of(&rewrite(rng).0, &[]);
            bundle.checkpoints = vec![bundle.checkpoint(bundle.size(), &other_key())];
            bundle.header.keys = vec![other_key().verifier().clone()];
            bundle.close();
            (bundle, pinned())
        },
    );
    caught(
        "rewritten, signed anew by the operator",
        14,
        Depth::Structure,
        |rng| {
            let (events, position) = rewrite(rng);
            let size = events.len() as u64;
            let trust = Trust {
                seen: vec![bundle().checkpoint(rng.u64(position..=size), &log_key())],
                ..pinned()
            };
            (Bundle::of(&events, &[size]), trust)
        },
    );
}

#[test]
fn a_checkpoint_of_another_log() {
    caught("checkpoint of another log", 15, Depth::Structure, |rng| {
        let mut bundle = bundle();
        let at = rng.usize(..bundle.checkpoints.len());
        let (size, root) = {
            let replaced = bundle.checkpoints[at].checkpoint();
            (replaced.size, replaced.root)
        };
        bundle.checkpoints[at] = match rng.u8(..3) {
            // Another tree of this size, under the same key.
            0 => signed(size, std::array::from_fn(|_| rng.u8(..)), &log_key()),
            // This tree as if it were larger or smaller.
            1 => signed(size ^ (1 << rng.u32(..6)), root, &log_key()),
            // This very tree, signed by somebody else.
            _ => signed(size, root, &other_key()),
        };
        bundle.close();
        (bundle, pinned())
    });
}

#[test]
fn a_fork_shown_to_two_readers() {
    caught("forked", 16, Depth::Structure, |rng| {
        let at = index(rng);
        let mut fork = events().to_vec();
        change(rng, &mut fork[at].payload, &|_| true);
        fork.truncate(rng.usize(at + 1..=fork.len()));
        heal(&mut fork);
        let size = fork.len() as u64;
        // The other reader has a checkpoint of the true log, from the fork on.
        let seen = rng.u64(at as u64 + 1..=events().len() as u64);
        let trust = Trust {
            seen: vec![bundle().checkpoint(seen, &log_key())],
            ..pinned()
        };
        (Bundle::of(&fork, &[size]), trust)
    });
}

/// What the coordinator alone decides, and parties say of themselves: nothing that was
/// signed says otherwise.
fn is_bound(name: &str) -> bool {
    !matches!(
        name,
        "token_hash"
            | "max_attempts"
            | "ready_timeout_ms"
            | "attempt_timeout_ms"
            | "expires_at"
            | "name"
            | "version"
    )
}

#[test]
fn nonsense_that_the_operator_signs() {
    caught("signed nonsense", 17, Depth::Meaning, |rng| {
        let mut events = events().to_vec();
        loop {
            let at = index(rng);
            if change(rng, &mut events[at].payload, &is_bound) {
                break;
            }
        }
        heal(&mut events);
        let size = events.len() as u64;
        (Bundle::of(&events, &[size]), pinned())
    });
}

/// Changes one text or number somewhere in a payload, of those whose name is admitted;
/// says whether there was one.
fn change(rng: &mut Rng, payload: &mut Value, admitted: &dyn Fn(&str) -> bool) -> bool {
    fn leaves(value: &Value, path: &str, admitted: &dyn Fn(&str) -> bool, into: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter().filter(|(name, _)| admitted(name)) {
                    leaves(value, &format!("{path}/{name}"), admitted, into);
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    leaves(value, &format!("{path}/{at}"), admitted, into);
                }
            }
            Value::String(text) if text.is_empty() => {}
            Value::String(_) | Value::Number(_) => into.push(path.to_owned()),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let mut paths = vec![];
    leaves(payload, "", admitted, &mut paths);
    let Some(path) = rng.choice(paths) else {
        return false;
    };
    let leaf = payload.pointer_mut(&path).expect("it was found there");
    *leaf = match &*leaf {
        Value::String(text) => {
            let mut bytes = text.clone().into_bytes();
            let at = rng.usize(..bytes.len());
            let before = bytes[at];
            while bytes[at] == before {
                bytes[at] = rng.alphanumeric() as u8;
            }
            String::from_utf8(bytes).expect("ASCII").into()
        }
        number => (number.as_u64().expect("a count") + rng.u64(1..5)).into(),
    };
    true
}
