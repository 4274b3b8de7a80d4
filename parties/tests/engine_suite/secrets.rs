//! What `Debug` shows of things that hold secrets.

use std::fmt::Debug;

use countersign_parties::engine::{Dkls23, Engine, KeygenInput, SignInput};

use crate::keys::TWO_OF_THREE;
use crate::network::{keygen_ceremony, sign_exchange};

/// No run of eight of the secret's bytes is in the output, in decimal or in
/// hexadecimal, and the output is too short to hide anything else.
#[track_caller]
fn assert_hides(shown: &impl Debug, secret: &[u8]) {
    let text = format!("{shown:?} {shown:#?}").replace([' ', '\n'], "");
    assert!(text.len() < 1500, "{text}");
    for run in secret.windows(8).step_by(8).take(200) {
        let decimal = run.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        let hexadecimal: String = run.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&decimal), "{text}");
        assert!(!text.to_lowercase().contains(&hexadecimal), "{text}");
    }
}

#[test]
fn shares_steps_and_ceremonies_are_silent() {
    let share = &TWO_OF_THREE.shares[&1];
    assert_hides(share, share.expose());

    let input = SignInput {
        share,
        signers: &[1, 2],
        path: &[],
        digest: [1; 32],
        ceremony_id: [1; 32],
    };
    assert_hides(&input, share.expose());
    let mut ceremony = Dkls23.sign(input).unwrap();
    assert_hides(&ceremony, share.expose());
    let step = ceremony.start().unwrap();
    assert_hides(&ceremony, share.expose());
    for outgoing in &step.outgoing {
        assert_hides(&step, &outgoing.body);
    }

    let mut exchange = sign_exchange(1, input);
    let progress = exchange.start().unwrap();
    assert_hides(&exchange, share.expose());
    assert_hides(&progress, share.expose());
}

#[test]
fn fragments_are_silent() {
    let mut ceremony = keygen_ceremony(KeygenInput {
        threshold: 2,
        parties: 3,
        me: 1,
        ceremony_id: [1; 32],
    });
    let step = ceremony.start().unwrap();
    for outgoing in &step.outgoing {
        assert_hides(&step, &outgoing.body);
        assert_hides(&ceremony, &outgoing.body);
    }
}
