//! `[sessions.keygen]` and `[sessions.sign]`: how long sessions may take.

use countersign_commands::{KindPolicy, SessionPolicy};

use super::reader::Reader;

pub(super) fn read(reader: &mut Reader<'_>) -> SessionPolicy {
    let default = SessionPolicy::default();
    SessionPolicy {
        keygen: kind(reader.section("sessions.keygen"), default.keygen),
        sign: kind(reader.section("sessions.sign"), default.sign),
    }
}

fn kind(reader: &mut Reader<'_>, default: KindPolicy) -> KindPolicy {
    let mut positive = |key: &str, default: u32| {
        reader.checked(key, default, |value| *value > 0, "greater than 0")
    };
    KindPolicy {
        ready_ms: positive("ready_ms", default.ready_ms),
        attempt_ms: positive("attempt_ms", default.attempt_ms),
        max_attempts: positive("max_attempts", default.max_attempts),
        attempt_per_pair_ms: reader.or("attempt_per_pair_ms", default.attempt_per_pair_ms),
        slack_ms: reader.or("slack_ms", default.slack_ms),
    }
}
