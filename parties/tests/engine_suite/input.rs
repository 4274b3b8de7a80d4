//! Input that makes no ceremony.

use countersign_parties::engine::{
    Capabilities, Dkls23, Engine, EngineError, KeygenInput, PartyIndex, SignInput,
};

use crate::keys::{THREE_OF_FIVE, TWO_OF_THREE};

fn keygen(threshold: u8, parties: u8, me: PartyIndex) -> Result<(), EngineError> {
    let input = KeygenInput {
        threshold,
        parties,
        me,
        ceremony_id: [1; 32],
    };
    Dkls23.keygen(input).map(drop)
}

#[test]
fn keygen_wants_two_to_thirty_two_parties() {
    for (threshold, parties) in [(0, 0), (0, 3), (1, 1), (1, 3), (4, 3), (2, 33), (255, 255)] {
        let error = keygen(threshold, parties, 1).unwrap_err();
        assert!(matches!(error, EngineError::Parameters { .. }), "{error}");
    }
    for (threshold, parties) in [(2, 2), (2, 32), (32, 32)] {
        keygen(threshold, parties, parties).unwrap();
    }
}

#[test]
fn keygen_wants_a_position_in_the_roster() {
    for me in [0, 4, 255] {
        let error = keygen(2, 3, me).unwrap_err();
        assert!(
            matches!(error, EngineError::UnknownParty { party, parties: 3 } if party == me),
            "{error}"
        );
    }
}

fn sign(signers: &[PartyIndex], path: &[u32]) -> Result<(), EngineError> {
    let input = SignInput {
        share: &TWO_OF_THREE.shares[&1],
        signers,
        path,
        digest: [1; 32],
        ceremony_id: [1; 32],
    };
    Dkls23.sign(input).map(drop)
}

#[test]
fn a_share_is_used_with_exactly_threshold_signers() {
    for signers in [&[][..], &[1], &[1, 2, 3]] {
        let error = sign(signers, &[]).unwrap_err();
        assert!(
            matches!(error, EngineError::SignerCount { threshold: 2, signers: n } if n == signers.len()),
            "{error}"
        );
    }
    let input = SignInput {
        share: &THREE_OF_FIVE.shares[&2],
        signers: &[2, 4],
        path: &[],
        digest: [1; 32],
        ceremony_id: [1; 32],
    };
    let error = Dkls23.sign(input).unwrap_err();
    assert!(matches!(
        error,
        EngineError::SignerCount {
            threshold: 3,
            signers: 2
        }
    ));
}

#[test]
fn signers_are_ascending_in_the_roster_and_include_the_owner() {
    assert!(matches!(
        sign(&[1, 4], &[]),
        Err(EngineError::UnknownParty { party: 4, .. })
    ));
    assert!(matches!(
        sign(&[0, 1], &[]),
        Err(EngineError::UnknownParty { party: 0, .. })
    ));
    assert!(matches!(sign(&[2, 1], &[]), Err(EngineError::SignerOrder)));
    assert!(matches!(sign(&[1, 1], &[]), Err(EngineError::SignerOrder)));
    assert!(matches!(
        sign(&[2, 3], &[]),
        Err(EngineError::NotASigner { me: 1 })
    ));
    sign(&[1, 3], &[]).unwrap();
}

#[test]
fn paths_are_not_hardened() {
    assert!(matches!(
        sign(&[1, 2], &[44, 0x8000_0000]),
        Err(EngineError::Path(_))
    ));
    assert!(matches!(
        sign(&[1, 2], &[0; 256]),
        Err(EngineError::Path(_))
    ));
}

#[test]
fn the_engine_says_what_it_is() {
    assert_eq!(Dkls23.id(), "dkls23");
    let expected = Capabilities {
        presign: false,
        resumable: false,
        hd: true,
        refresh: false,
        echo_built_in: false,
        needs_raw_message: false,
    };
    assert_eq!(Dkls23.capabilities(), expected);
}
