//! Small values: quorums, names, paths, hex, rosters.

use countersign_domain::account::normalised;
use countersign_domain::bytes::{Digest, Hex, HexError};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, PartyId};
use countersign_domain::path::{DerivationPath, MAX_DEPTH, PathError};
use countersign_domain::quorum::{Quorum, QuorumError};
use countersign_domain::roster::{Member, Roster, RosterError, fingerprint};
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{identity, members, parties, party, roster};

// ---- quorum

#[test]
fn a_quorum_is_two_to_all_of_at_most_32() {
    for threshold in 0..=u8::MAX {
        for parties in 0..=u8::MAX {
            let legal = 2 <= threshold && threshold <= parties && parties <= 32;
            let quorum = Quorum::new(threshold, parties);
            assert_eq!(quorum.is_ok(), legal, "{threshold}-of-{parties}");
            let json = json!({ "threshold": threshold, "parties": parties });
            let read: Result<Quorum, _> = serde_json::from_value(json.clone());
            assert_eq!(read.ok(), quorum.ok());
            if let Ok(quorum) = quorum {
                assert_eq!(serde_json::to_value(quorum).unwrap(), json);
                assert_eq!(quorum.to_string(), format!("{threshold}-of-{parties}"));
            }
        }
    }
}

#[test]
fn a_wrong_quorum_names_the_field() {
    for (threshold, parties, error, field) in [
        (1, 3, QuorumError::ThresholdTooSmall(1), "threshold"),
        (
            4,
            3,
            QuorumError::ThresholdAboveParties {
                threshold: 4,
                parties: 3,
            },
            "threshold",
        ),
        (2, 33, QuorumError::TooManyParties(33), "parties"),
    ] {
        assert_eq!(Quorum::new(threshold, parties), Err(error));
        assert_eq!(error.field(), field);
    }
}

#[test]
fn a_quorum_with_other_fields_is_not_read() {
    let json = json!({ "threshold": 2, "parties": 3, "t": 1 });
    assert!(serde_json::from_value::<Quorum>(json).is_err());
}

// ---- names

#[test]
fn a_party_is_named_by_lower_case_letters_digits_and_dashes() {
    let longest = "a".repeat(63);
    for good in ["a", "0", "party-1", "1-party", "a-", longest.as_str()] {
        let party: PartyId = good.parse().unwrap();
        assert_eq!(party.as_str(), good);
        assert_eq!(serde_json::to_value(&party).unwrap(), good);
        assert_eq!(
            serde_json::from_value::<PartyId>(good.into()).unwrap(),
            party
        );
    }
    let too_long = "a".repeat(64);
    for bad in [
        "",
        "-a",
        "A",
        "a b",
        "a.b",
        "a>b",
        "a*",
        "ä",
        "a/b",
        "a\n",
        "..",
        too_long.as_str(),
    ] {
        assert!(bad.parse::<PartyId>().is_err(), "{bad}");
        assert!(serde_json::from_value::<PartyId>(bad.into()).is_err());
    }
}

#[test]
fn the_refusal_of_a_party_name_quotes_no_more_than_80_characters() {
    let error = "é".repeat(5000).parse::<PartyId>().unwrap_err();
    assert_eq!(error.to_string().matches('é').count(), 80);
}

#[test]
fn names_are_compared_without_case() {
    assert_eq!(normalised("Alice@Example.COM"), "alice@example.com");
    assert_eq!(normalised("alice"), normalised("ALICE"));
}

#[test]
fn engines_and_schemes_are_read_as_they_are_written() {
    assert_eq!("dkls23".parse(), Ok(EngineId::Dkls23));
    assert_eq!(EngineId::Dkls23.to_string(), "dkls23");
    for unknown in ["", "DKLS23", "gg20"] {
        assert!(unknown.parse::<EngineId>().is_err());
    }
    for unknown in ["", "SHA256", "sha-256", "md5"] {
        assert!(unknown.parse::<HashScheme>().is_err());
    }
}

#[test]
fn ids_are_read_as_they_are_written() {
    let id = AccountId(uuid::Uuid::from_u128(0x1234));
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("alice".parse::<AccountId>().is_err());
}

// ---- paths

#[test]
fn a_path_is_read_as_it_is_written() {
    for text in ["m", "m/0", "m/44/60/0/0/7", "m/2147483647"] {
        let path: DerivationPath = text.parse().unwrap();
        assert_eq!(path.to_string(), text);
        assert_eq!(serde_json::to_value(&path).unwrap(), text);
        assert_eq!(
            serde_json::from_value::<DerivationPath>(text.into()).unwrap(),
            path
        );
    }
    let steps: DerivationPath = "m/44/60/7".parse().unwrap();
    assert_eq!(steps.steps(), [44, 60, 7]);
    assert_eq!("m".parse(), Ok(DerivationPath::default()));
}

#[test]
fn a_hardened_path_is_refused_with_the_cure() {
    for text in [
        "m/44'",
        "m/44h",
        "m/44H",
        "m/0/1'/2",
        "m/2147483648",
        "m/4294967295",
    ] {
        let error = text.parse::<DerivationPath>().unwrap_err();
        assert_eq!(error, PathError::Hardened, "{text}");
        assert!(error.to_string().contains("use m/44/60/0/0/0"));
    }
}

#[test]
fn a_path_has_one_spelling() {
    for text in [
        "",
        "/",
        "0/1",
        "M/0",
        "m/",
        "m//0",
        "m/0/",
        "m/+1",
        "m/-1",
        "m/01",
        "m/00",
        "m/ 1",
        "m/1 ",
        " m/1",
        "m/1.0",
        "m/0x1",
        "m/x",
        "m/１",
        "m/4294967296",
        "m0",
        "m\\0",
    ] {
        assert_eq!(
            text.parse::<DerivationPath>(),
            Err(PathError::Malformed),
            "{text:?}"
        );
    }
}

#[test]
fn a_path_has_at_most_16_steps() {
    assert_eq!(MAX_DEPTH, 16);
    let deepest = format!("m{}", "/1".repeat(16));
    assert!(deepest.parse::<DerivationPath>().is_ok());
    let deeper = format!("m{}", "/1".repeat(17));
    assert_eq!(deeper.parse::<DerivationPath>(), Err(PathError::TooDeep));
}

proptest! {
    #[test]
    fn any_text_is_a_path_in_its_one_spelling_or_none(text in "(m(/[0-9+h']{0,3}){0,4}|.{0,8})") {
        if let Ok(path) = text.parse::<DerivationPath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn any_bytes_survive_hex(bytes in any::<[u8; 32]>()) {
        let text = Hex(bytes).to_string();
        prop_assert_eq!(text.len(), 64);
        prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        for form in [text.clone(), text.to_uppercase(), format!("0x{text}")] {
            prop_assert_eq!(form.parse(), Ok(Hex(bytes)));
        }
        let json = serde_json::to_string(&Hex(bytes)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), Hex(bytes));
    }
}

// ---- hex

#[test]
fn hex_of_another_length_or_with_other_digits_is_refused() {
    for (text, error) in [
        (
            "",
            HexError::Length {
                expected: 2,
                got: 0,
            },
        ),
        (
            "abc",
            HexError::Length {
                expected: 2,
                got: 3,
            },
        ),
        (
            "abcdef",
            HexError::Length {
                expected: 2,
                got: 6,
            },
        ),
        (
            "0x0xabcd",
            HexError::Length {
                expected: 2,
                got: 6,
            },
        ),
        ("xyzw", HexError::Digit),
        (" abc", HexError::Digit),
        ("éé", HexError::Digit),
    ] {
        assert_eq!(text.parse::<Hex<2>>(), Err(error), "{text:?}");
    }
    assert!(serde_json::from_value::<Hex<2>>(json!([1, 2])).is_err());
    assert!(serde_json::from_value::<Hex<2>>(json!("0x")).is_err());
}

// ---- rosters

#[test]
fn members_are_numbered_in_the_order_asked_for() {
    let members = roster(3).members(&parties(&[3, 1])).unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!((members[0].index, &members[0].identity), (1, &identity(3)));
    assert_eq!((members[1].index, &members[1].identity), (2, &identity(1)));
    assert_eq!(roster(3).check(&members), Ok(()));
    assert_eq!(
        roster(3).members(&parties(&[1, 4])),
        Err(RosterError::Unknown(party(4)))
    );
}

#[test]
fn a_roster_notices_what_is_not_its_own() {
    let with = |change: &dyn Fn(&mut Vec<Member>)| {
        let mut changed = members(3);
        change(&mut changed);
        roster(3).check(&changed)
    };
    assert_eq!(with(&|_| ()), Ok(()));
    // A key that was swapped for another, either of the two.
    assert_eq!(
        with(&|m| m[1].identity.sign_key = identity(4).sign_key),
        Err(RosterError::Mismatch(party(2)))
    );
    assert_eq!(
        with(&|m| m[1].identity.seal_key = identity(4).seal_key),
        Err(RosterError::Mismatch(party(2)))
    );
    assert_eq!(
        with(&|m| m[1].identity = identity(4)),
        Err(RosterError::Unknown(party(4)))
    );
    // Places that were swapped: every member has its key, but not its index.
    assert_eq!(with(&|m| m.swap(0, 1)), Err(RosterError::Index(party(2))));
    assert_eq!(with(&|m| m[2].index = 0), Err(RosterError::Index(party(3))));
    assert_eq!(
        with(&|m| m[2].identity = identity(1)),
        Err(RosterError::Twice(party(1)))
    );
}

#[test]
fn a_roster_has_every_name_and_key_once() {
    let with = |change: &dyn Fn(&mut Vec<_>)| {
        let mut changed = vec![identity(1), identity(2), identity(3)];
        change(&mut changed);
        Roster::new(changed).map(|_| ())
    };
    assert_eq!(with(&|_| ()), Ok(()));
    assert_eq!(
        with(&|p| p[2].party = party(1)),
        Err(RosterError::Twice(party(1)))
    );
    assert_eq!(
        with(&|p| p[2].sign_key = identity(1).sign_key),
        Err(RosterError::SharedKey(party(3)))
    );
    assert_eq!(
        with(&|p| p[2].seal_key = identity(1).seal_key),
        Err(RosterError::SharedKey(party(3)))
    );
    // One key for two purposes is as bad.
    assert_eq!(
        with(&|p| p[2].seal_key = p[2].sign_key),
        Err(RosterError::SharedKey(party(3)))
    );
}

#[test]
fn a_roster_file_is_read_as_it_is_written_and_checked() {
    let json = serde_json::to_value(roster(3)).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(
        serde_json::from_value::<Roster>(json.clone()).unwrap(),
        roster(3)
    );
    let mut newer = json.clone();
    newer["version"] = json!(2);
    assert!(serde_json::from_value::<Roster>(newer).is_err());
    let mut twice = json.clone();
    twice["parties"][1] = twice["parties"][0].clone();
    assert!(serde_json::from_value::<Roster>(twice).is_err());
    let mut unknown = json;
    unknown["parties"][0]["url"] = json!("https://example.com");
    assert!(serde_json::from_value::<Roster>(unknown).is_err());
}

#[test]
fn more_parties_than_there_are_indices_are_refused() {
    let many: Vec<_> = (0u16..300)
        .map(|at| {
            let mut identity = identity(1);
            identity.party = format!("p{at}").parse().unwrap();
            identity.sign_key.0[..2].copy_from_slice(&at.to_be_bytes());
            identity.seal_key.0[..2].copy_from_slice(&at.to_be_bytes());
            identity
        })
        .collect();
    let names: Vec<_> = many.iter().map(|identity| identity.party.clone()).collect();
    let roster = Roster::new(many).unwrap();
    let members = roster.members(&names[..255]).unwrap();
    assert_eq!(roster.check(&members), Ok(()));
    assert_eq!(
        roster.members(&names),
        Err(RosterError::Index("p255".parse().unwrap()))
    );
}

#[test]
fn a_fingerprint_covers_all_of_every_member() {
    let all = members(3);
    let expected = fingerprint(&all);
    let with = |change: &dyn Fn(&mut Vec<Member>)| {
        let mut changed = all.clone();
        change(&mut changed);
        fingerprint(&changed)
    };
    assert_eq!(with(&|_| ()), expected);
    for other in [
        with(&|m| m[0].index = 4),
        with(&|m| m[0].identity.party = party(9)),
        with(&|m| m[0].identity.sign_key = identity(9).sign_key),
        with(&|m| m[0].identity.seal_key = identity(9).seal_key),
        with(&|m| {
            let keys = (m[0].identity.sign_key, m[0].identity.seal_key);
            (m[0].identity.seal_key, m[0].identity.sign_key) = keys;
        }),
        with(&|m| m.swap(0, 1)),
        with(&|m| m.truncate(2)),
        with(&Vec::clear),
    ] {
        assert_ne!(other, expected);
    }
}

/// Clients compute it too, so its form is fixed.
#[test]
fn a_fingerprint_is_the_hash_of_the_documented_lines() {
    use sha2::Digest as _;
    let all = members(2);
    let line = |m: &Member| {
        let (sign, seal) = (m.identity.sign_key.0, m.identity.seal_key.0);
        format!(
            "{} {} {} {}\n",
            m.index,
            m.identity.party.as_str(),
            hex::encode(sign),
            hex::encode(seal)
        )
    };
    let text = format!("countersign-roster-v1\n{}{}", line(&all[0]), line(&all[1]));
    let expected: [u8; 32] = sha2::Sha256::digest(text).into();
    assert_eq!(fingerprint(&all), Hex(expected));
}
