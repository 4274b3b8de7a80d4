//! Times as text: what chrono's own serialisation writes, at once and not letter by
//! letter. Rows are mostly times.

use chrono::SecondsFormat;
use countersign_domain::Timestamp;
use serde::Serializer;

/// For a time.
pub(crate) fn at<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// For a time that may not have come.
#[allow(
    clippy::ref_option,
    reason = "serde passes a reference to the field as it is"
)]
pub(crate) fn if_any<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => at(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde::Serialize;

    use super::*;

    #[test]
    fn the_text_is_that_of_chrono() {
        #[derive(Serialize)]
        struct Ours(#[serde(serialize_with = "at")] Timestamp);
        #[derive(Serialize)]
        struct OursIfAny(#[serde(serialize_with = "if_any")] Option<Timestamp>);
        for micros in [
            0,
            1,
            1_700_000_000_000_000,
            1_700_000_000_120_000,
            -62_135_596_800_000_001,
        ] {
            let time = DateTime::from_timestamp_micros(micros).expect("a time");
            let theirs = serde_json::to_string(&time).expect("JSON");
            assert_eq!(serde_json::to_string(&Ours(time)).expect("JSON"), theirs);
            let some = serde_json::to_string(&OursIfAny(Some(time))).expect("JSON");
            assert_eq!(some, theirs);
        }
        let none = serde_json::to_string(&OursIfAny(None)).expect("JSON");
        assert_eq!(none, "null");
    }
}
