//! Bundles as files: written, interrupted, gone on with, read, refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use countersign_audit::bundle::{
    BundleReader, BundleWriter, Damage, Header, Item, NoteLine, Section,
};
use countersign_audit::verify::{Depth, Reason, verify_bundle};
use countersign_audit::{ExportError, Source, export};
use countersign_event_store::{Envelope, LogError};

use crate::history::History;
use crate::tampered::{Bundle, ORIGIN, log_key, pinned};

/// Writes a bundle of lines as they are, tampered with or not.
pub(crate) fn written(bundle: &Bundle, path: &Path) -> PathBuf {
    let mut lines = vec![text(&bundle.header), section("checkpoints")];
    for checkpoint in &bundle.checkpoints {
        let note = checkpoint.to_string();
        lines.push(text(&NoteLine { note }));
    }
    lines.push(section("events"));
    lines.extend(bundle.lines.iter().cloned());
    let footer = bundle.footer.clone();
    lines.push(text(&countersign_audit::bundle::FooterLine { footer }));
    pack(&lines, path);
    path.to_owned()
}

fn text(line: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(line).expect("JSON")
}

fn section(name: &str) -> Vec<u8> {
    text(&Section {
        section: name.into(),
    })
}

/// A file as the format says, made by hand: frames, and the hash of them.
fn pack(lines: &[Vec<u8>], path: &Path) {
    use sha2::Digest as _;
    let mut bytes = vec![];
    for some in lines.chunks(7) {
        let text: Vec<u8> = some
            .iter()
            .flat_map(|it| [it, &b"\n"[..]].concat())
            .collect();
        bytes.extend(zstd::encode_all(&text[..], 1).expect("a frame"));
    }
    let digest = sha2::Sha256::digest(&bytes);
    bytes.extend([0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    bytes.extend(digest);
    std::fs::write(path, bytes).expect("the file");
}

/// A log that ends or fails where a test wants it.
#[derive(Debug)]
struct FakeLog {
    events: Vec<Arc<Envelope>>,
    fails_after: Option<u64>,
}

impl FakeLog {
    fn of(events: &[Envelope]) -> Self {
        Self {
            events: events.iter().cloned().map(Arc::new).collect(),
            fails_after: None,
        }
    }
}

#[async_trait]
impl Source for FakeLog {
    async fn head(&self) -> Result<u64, LogError> {
        Ok(self.events.len() as u64)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        if self.fails_after.is_some_and(|last| after >= last) {
            return Err(LogError::Closed);
        }
        let from = usize::try_from(after)
            .expect("small")
            .min(self.events.len());
        let until = self
            .fails_after
            .map_or(usize::MAX, |last| usize::try_from(last).expect("small"));
        let to = (from + limit).min(self.events.len()).min(until);
        Ok(self.events[from..to].to_vec())
    }
}

fn header(to: u64) -> Header {
    Header::new("test", ORIGIN, to, vec![log_key().verifier().clone()])
}

/// A long log of one stream: more than a frame.
pub(crate) fn long(count: u64) -> Vec<Envelope> {
    let mut history = History::default();
    history.register(1);
    let first = history.events.remove(0);
    let mut events: Vec<_> = (0..count).map(|_| first.clone()).collect();
    crate::tampered::heal(&mut events);
    events
}

#[tokio::test]
async fn what_is_exported_verifies_and_unpacks_with_any_zstd() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let history = History::of_everything();
    let size = history.events.len() as u64;
    let bundle = Bundle::of(&history.events, &[12, size]);
    let log = FakeLog::of(&history.events);
    let mut heard = vec![];
    let progress = |position, to| heard.push((position, to));
    let exported = export(&log, &path, header(size), &bundle.checkpoints, progress)
        .await
        .expect("a bundle");
    assert_eq!(exported.footer, bundle.footer);
    assert_eq!(exported.resumed_after, None);
    assert_eq!(heard.last(), Some(&(size, size)));
    let summary = verify_bundle(&path, &pinned(), Depth::Meaning).expect("no fault");
    assert_eq!(summary.root, bundle.footer.root);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1, "the part is gone");
    // The last frame is one that tools skip.
    let file = std::fs::File::open(&path).expect("the file");
    let text = zstd::decode_all(file).expect("it unpacks");
    let text = String::from_utf8(text).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with(r#"{"bundle":"countersign-audit","version":1,"#),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1], r#"{"section":"checkpoints"}"#);
    assert_eq!(lines[4], r#"{"section":"events"}"#);
    assert_eq!(lines[5].as_bytes(), history.events[0].canonical());
    assert_eq!(lines.len() as u64, 5 + size + 1);
}

#[tokio::test]
async fn an_interrupted_export_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = long(3000);
    let size = events.len() as u64;
    let whole = Bundle::of(&events, &[size]);
    let make = async |log: &FakeLog, name: &str| {
        let path = folder.path().join(name);
        let exported = export(log, &path, header(size), &whole.checkpoints, |_, _| ()).await;
        (path, exported)
    };
    let mut log = FakeLog::of(&events);
    let (expected, _) = make(&log, "at once").await;
    log.fails_after = Some(2500);
    let (path, failed) = make(&log, "interrupted").await;
    assert!(matches!(failed, Err(ExportError::Log(_))), "{failed:?}");
    assert!(!path.exists());
    let part = folder.path().join("interrupted.part");
    // A crash in the middle of a frame.
    let torn = std::fs::read(&part).expect("the part");
    std::fs::write(
        &part,
        [&torn[..], &expected_bytes(&expected)[..50]].concat(),
    )
    .expect("torn");
    log.fails_after = None;
    let (_, resumed) = make(&log, "interrupted").await;
    let after = resumed
        .expect("a bundle")
        .resumed_after
        .expect("it went on");
    assert!(after > 0 && after < 2500, "after {after}");
    let summary = verify_bundle(&path, &pinned(), Depth::Structure).expect("no fault");
    assert_eq!(summary.root, whole.footer.root);
    assert!(!part.exists());
}

fn expected_bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file")
}

#[tokio::test]
async fn what_was_begun_from_another_log_is_not_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let mut events = long(3000);
    let mut log = FakeLog::of(&events);
    log.fails_after = Some(2500);
    let checkpoints = Bundle::of(&events, &[3000]).checkpoints;
    let failed = export(&log, &path, header(3000), &checkpoints, |_, _| ()).await;
    failed.expect_err("interrupted");
    events
        .iter_mut()
        .for_each(|event| event.actor = "another".into());
    crate::tampered::heal(&mut events);
    let other = FakeLog::of(&events);
    let refused = export(&other, &path, header(3000), &checkpoints, |_, _| ()).await;
    let refused = refused.expect_err("another log").to_string();
    assert!(refused.contains("begun from another log"), "{refused}");
    let mut renamed = header(3000);
    renamed.origin = "elsewhere".into();
    let refused = export(&log, &path, renamed, &checkpoints, |_, _| ()).await;
    assert!(matches!(refused, Err(ExportError::OtherLog { .. })));
}

#[test]
fn a_writer_takes_events_in_order_and_all_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let events = long(3);
    let mut writer = BundleWriter::create(&path, &header(3), &[]).expect("a part");
    writer.event(&events[0]).expect("the first");
    let gap = writer.event(&events[2]).expect_err("a gap").to_string();
    assert_eq!(gap, "position 3 follows position 1");
    let short = writer.finish().expect_err("two are missing").to_string();
    assert!(short.contains("up to 3, and they end at 1"), "{short}");
    assert!(!path.exists());
}

#[test]
fn what_is_no_bundle_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let bundle = Bundle::of(&long(3), &[3]);
    let good = {
        written(&bundle, &path);
        let file = std::fs::File::open(&path).expect("the file");
        let text = zstd::decode_all(file).expect("it unpacks");
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        let mut lines: Vec<_> = lines.collect();
        lines.pop();
        lines
    };
    let refused = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = good.clone();
        change(&mut lines);
        pack(&lines, &path);
        let fault = verify_bundle(&path, &pinned(), Depth::Structure).expect_err("refused");
        match fault.reason {
            Reason::Bundle(damage) => damage,
            other => panic!("{other}"),
        }
    };
    let set = |at: usize, line: &str| {
        let line = line.as_bytes().to_vec();
        move |lines: &mut Vec<Vec<u8>>| lines[at] = line.clone()
    };
    let header = String::from_utf8(good[0].clone()).expect("text");
    let unknown = refused(&set(3, r#"{"section":"attachments"}"#));
    assert_eq!(unknown, Damage::UnknownSection("attachments".into()));
    assert!(
        unknown
            .to_string()
            .contains("does not know: use a newer one")
    );
    let later = header.replace(r#""version":1"#, r#""version":2,"more":true"#);
    assert_eq!(refused(&set(0, &later)), Damage::Version(2));
    let from = header.replace(r#""from":1"#, r#""from":2"#);
    assert!(matches!(refused(&set(0, &from)), Damage::Header(_)));
    assert!(matches!(refused(&set(0, "{}")), Damage::Header(_)));
    let twice = refused(&set(3, r#"{"section":"checkpoints"}"#));
    assert_eq!(twice, Damage::Section("checkpoints".into()));
    assert!(matches!(refused(&set(2, "{}")), Damage::Line(_)));
    assert_eq!(refused(&|lines| lines.truncate(5)), Damage::Truncated);
    assert_eq!(refused(&|lines| lines.clear()), Damage::Truncated);
    let more = refused(&|lines| lines.push(b"{}".to_vec()));
    assert!(matches!(more, Damage::Line(_)));

    std::fs::write(&path, "hello, this is no bundle at all, but long enough").expect("a file");
    let fault = verify_bundle(&path, &pinned(), Depth::Structure).expect_err("refused");
    assert!(
        matches!(fault.reason, Reason::Bundle(Damage::Compression(_))),
        "{fault}"
    );
    let missing = folder.path().join("missing");
    assert!(matches!(BundleReader::open(&missing), Err(Damage::Io(_))));
}

#[test]
fn an_unknown_section_after_the_events_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle");
    let bundle = Bundle::of(&long(3), &[3]);
    let mut lines = vec![text(&bundle.header), section("checkpoints")];
    let note = bundle.checkpoints[0].to_string();
    lines.push(text(&NoteLine { note }));
    lines.push(section("events"));
    lines.extend(bundle.lines.iter().cloned());
    lines.push(section("later"));
    pack(&lines, &path);
    let mut reader = BundleReader::open(&path).expect("a bundle");
    let damage = loop {
        match reader.next_item() {
            Ok(Some(Item::Footer(_)) | None) => panic!("it is not skipped"),
            Ok(Some(_)) => {}
            Err(damage) => break damage,
        }
    };
    assert_eq!(damage, Damage::UnknownSection("later".into()));
}
