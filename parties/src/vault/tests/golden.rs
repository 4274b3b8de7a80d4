//! The stored encodings of version 1, held by a fixture: what was written once has
//! to be read for ever, and is still written the same.

use countersign_domain::bytes::Hex;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{master, party, record, session};
use crate::vault::key_check;
use crate::vault::payload::{self, PayloadError};
use crate::vault::record::ShareRecord;
use crate::vault::rows::{Head, PlaceRow, RowError, SessionRow, TableKey};
use crate::vault::sealed::{Entropy, Kind, Place, UnsealError, fingerprint, seal, unseal};

const SHARE: &[u8] = b"the share of the golden fixture";

fn fixture(name: &str) -> Vec<u8> {
    let all: Value = serde_json::from_str(include_str!("golden/v1.json")).unwrap();
    hex::decode(all[name].as_str().unwrap()).unwrap()
}

fn signed() -> ShareRecord {
    ShareRecord {
        receipt: Some("the receipt".to_owned()),
        ..record(1)
    }
}

fn entropy() -> Entropy {
    Entropy {
        data_key: Zeroizing::new([0xd4; 32]),
        wrap_nonce: [0xa1; 12],
        nonce: [0xb2; 12],
    }
}

fn table_key() -> TableKey {
    TableKey::derive(&party("alpha"), &[0x75; 32])
}

#[test]
fn the_share_of_version_1_is_read_and_written() {
    let stored = fixture("share");
    let (found, share) = payload::decode(&stored).unwrap();
    assert_eq!((found, &share[..]), (signed(), SHARE));
    assert_eq!(
        hex::encode(&*payload::encode(&signed(), SHARE)),
        hex::encode(stored)
    );
}

#[test]
fn the_seal_of_version_1_is_opened_and_made() {
    let alpha = party("alpha");
    let place = Place {
        party: &alpha,
        key: record(1).key,
        epoch: 0,
        kind: Kind::Share,
    };
    let (stored, share) = (fixture("sealed"), fixture("share"));
    assert_eq!(*unseal(&master(7), &place, &stored).unwrap(), share);
    let sealed = seal(&master(7), &place, &share, entropy());
    assert_eq!(hex::encode(sealed), hex::encode(&stored));
    assert_eq!(
        hex::encode(fingerprint(&stored)),
        hex::encode(fixture("fingerprint"))
    );
}

#[test]
fn the_rows_of_version_1_are_read_and_written() {
    let begun = SessionRow {
        begun: 2,
        attempt: 3,
        digest: Hex([1; 32]),
        binding: Hex([2; 32]),
        result: None,
    };
    let finished = SessionRow {
        result: Some(b"{\"v\":27}".to_vec()),
        ..begun.clone()
    };
    let place = PlaceRow {
        changes: 2,
        session: session(1),
        sealed: Some([4; 32]),
    };
    let discarded = PlaceRow {
        sealed: None,
        ..place.clone()
    };
    let head = Head {
        sessions: 1,
        begun: 2,
        finished: 3,
        places: 4,
        changes: 5,
    };
    macro_rules! check {
        ($name:literal, $row:expr) => {
            let stored = fixture($name);
            let written = table_key().encode(b"row key", &$row);
            assert_eq!(hex::encode(written), hex::encode(&stored), $name);
            assert_eq!(table_key().decode(b"row key", &stored), Ok($row), $name);
        };
    }
    check!("session_begun", begun);
    check!("session_finished", finished);
    check!("place", place);
    check!("place_discarded", discarded);
    check!("head", head);
}

#[test]
fn the_key_check_of_version_1_is_the_same() {
    let stored = fixture("key_check");
    assert_eq!(
        hex::encode(key_check::make(&master(7))),
        hex::encode(stored)
    );
}

#[test]
fn a_newer_encoding_is_told_from_a_broken_one() {
    let alpha = party("alpha");
    let place = Place::of_vault(&alpha, Kind::Share);
    let mut sealed = fixture("sealed");
    sealed[0] = 2;
    let error = unseal(&master(7), &place, &sealed).unwrap_err();
    assert_eq!(error, UnsealError::Version(2));

    let mut share = fixture("share");
    share[0] = 2;
    let error = payload::decode(&share).unwrap_err();
    assert!(matches!(error, PayloadError::Version(2)));
    assert!(matches!(payload::decode(&[1, 0]), Err(PayloadError::Short)));
    let long = payload::decode(&[1, 0, 0, 0, 9, b'{']);
    assert!(matches!(long, Err(PayloadError::Short)));
    let no_record = payload::decode(&[1, 0, 0, 0, 2, b'{', b'}']);
    assert!(matches!(no_record, Err(PayloadError::Record(_))));

    // The version of a row is covered by its tag, so changing it is a forgery.
    let mut row = fixture("head");
    row[0] = 2;
    let error = table_key().decode::<Head>(b"row key", &row).unwrap_err();
    assert_eq!(error, RowError::Forged);
}
