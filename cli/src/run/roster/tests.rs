//! A roster is put together once, and never silently another.

use countersign_domain::ids::PartyId;
use countersign_messaging::IdentityKeys;

use super::*;
use crate::failure::Kind;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn identity(&self, name: &str, seed: u8) -> PathBuf {
        let party: PartyId = name.parse().expect("a name");
        let identity = IdentityKeys::from_seed(&[seed; 64]).public(party);
        let path = self.path(&format!("{name}-{seed}.json"));
        let text = serde_json::to_string(&identity).expect("JSON");
        std::fs::write(&path, text).expect("written");
        path
    }
}

#[test]
fn the_same_parties_make_the_same_roster_in_any_order() {
    let folder = Folder::new();
    let (a, b) = (folder.identity("a", 1), folder.identity("b", 2));
    let out = folder.path("roster.json");
    let made = assemble(&[b.clone(), a.clone()], &out, false).expect("made");
    assert_eq!(made["state"], "written");
    assert_eq!(made["parties"], json!(["a", "b"]));
    let written = std::fs::read(&out).expect("the file");
    let again = assemble(&[a, b], &out, false).expect("made");
    assert_eq!(again["state"], "unchanged");
    assert_eq!(again["fingerprint"], made["fingerprint"]);
    assert_eq!(std::fs::read(&out).expect("the file"), written);
}

#[test]
fn another_roster_takes_its_place_only_by_force() {
    let folder = Folder::new();
    let (a, b) = (folder.identity("a", 1), folder.identity("b", 2));
    let out = folder.path("roster.json");
    assemble(&[a.clone(), b], &out, false).expect("made");
    let written = std::fs::read(&out).expect("the file");
    let other = [a, folder.identity("b", 3)];
    let refused = assemble(&other, &out, false).expect_err("another");
    assert_eq!(refused.kind, Kind::Usage);
    assert!(refused.message.contains("--force"), "{}", refused.message);
    assert_eq!(std::fs::read(&out).expect("the file"), written);
    let made = assemble(&other, &out, true).expect("made");
    assert_eq!(made["state"], "replaced");
}

#[test]
fn a_party_twice_or_a_file_that_is_no_identity_is_refused() {
    let folder = Folder::new();
    let a = folder.identity("a", 1);
    let out = folder.path("roster.json");
    let twice = assemble(&[a.clone(), folder.identity("a", 2)], &out, false);
    let message = twice.expect_err("twice").message;
    assert!(message.contains("`a` is in the roster twice"), "{message}");
    let other = folder.path("b.json");
    std::fs::write(&other, "{}").expect("written");
    let message = assemble(&[a, other], &out, false)
        .expect_err("none")
        .message;
    assert!(message.contains("b.json is no identity"), "{message}");
    assert!(!out.exists());
}
