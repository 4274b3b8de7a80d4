//! Canonical JSON: the bytes that are hashed and stored.
//!
//! Keys sorted by UTF-16 code units, no whitespace, minimal escapes: RFC 8785 for
//! data without fractions. Fractions and integers that a double cannot hold have no
//! form here that every implementation writes alike, so an append with one is
//! refused.

mod text;

use serde_json::Value;

pub use text::CanonicalText;
pub(crate) use text::Rewritten;

/// Largest integer, by magnitude, that every JSON implementation reads exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Deepest nesting accepted. The parser reads 128 levels, the envelope adds one.
const MAX_DEPTH: usize = 96;

const TOO_DEEP: &str = "a payload is nested too deeply";
const NO_INTEGER: &str = "a payload holds a number that is not an integer";

/// The canonical form of `value`.
pub fn to_vec(value: &Value) -> Vec<u8> {
    // As long as most payloads are.
    let mut out = Vec::with_capacity(512);
    write(&mut out, value);
    out
}

pub(crate) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // Most are in this order already.
            if map.keys().is_sorted_by(|a, b| in_order(a, b)) {
                write_members(out, map.iter());
            } else {
                let mut members: Vec<_> = map.iter().collect();
                members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                write_members(out, members.into_iter());
            }
        }
        scalar => serde_json::to_writer(out, scalar).expect("a vector takes every write"),
    }
}

fn write_members<'a>(out: &mut Vec<u8>, members: impl Iterator<Item = (&'a String, &'a Value)>) {
    out.push(b'{');
    for (index, (key, item)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_str(out, key);
        out.push(b':');
        write(out, item);
    }
    out.push(b'}');
}

/// Whether a member with the first name comes before one with the second.
fn in_order(first: &str, second: &str) -> bool {
    first.encode_utf16().lt(second.encode_utf16())
}

pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a vector takes every write");
}

pub(crate) fn write_integer(out: &mut Vec<u8>, value: impl serde::Serialize) {
    serde_json::to_writer(out, &value).expect("a vector takes every write");
}

/// Checks that `value` has a canonical form.
///
/// # Errors
///
/// Why it has none that survives storage: numbers that not every implementation
/// reads alike, or nesting that is too deep.
pub fn check(value: &Value) -> Result<(), &'static str> {
    check_at(value, 0)
}

fn check_at(value: &Value, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP);
    }
    match value {
        Value::Number(number) => {
            let magnitude = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            magnitude.ok_or(NO_INTEGER).and_then(integer)
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_at(item, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|item| check_at(item, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn integer(magnitude: u64) -> Result<(), &'static str> {
    if magnitude > MAX_INTEGER {
        return Err("a payload holds an integer beyond 2^53 - 1");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        String::from_utf8(to_vec(value)).unwrap()
    }

    #[test]
    fn keys_are_sorted_at_every_level_and_whitespace_is_dropped() {
        let value = json!({"b": [1, {"z": null, "a": true}], "a": "x", "": -7});
        assert_eq!(
            text(&value),
            r#"{"":-7,"a":"x","b":[1,{"a":true,"z":null}]}"#
        );
    }

    #[test]
    fn keys_sort_by_utf16_units_and_escapes_are_minimal() {
        // RFC 8785, section 3.2.3: the astral key comes before U+FB33.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": "\u{1}\u{8}\"\\/\u{7f}é"});
        assert_eq!(
            text(&value),
            "{\"\\r\":\"\\u0001\\b\\\"\\\\/\u{7f}é\",\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn numbers_and_nesting_without_one_form_are_refused() {
        assert!(check(&json!({"a": [MAX_INTEGER, -5, 0]})).is_ok());
        assert!(check(&json!([0.5])).is_err());
        assert!(check(&json!(MAX_INTEGER + 1)).is_err());
        assert!(check(&json!(i64::MIN)).is_err());
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(check(&nested(MAX_DEPTH)).is_ok());
        assert!(check(&nested(MAX_DEPTH + 1)).is_err());
    }

    /// What is said of the text by reading a value and by rewriting.
    fn both(text: &str) -> [Result<Option<String>, &'static str>; 2] {
        let value: Value = serde_json::from_str(text).unwrap();
        let written = super::tests::text(&value);
        let by_value = check(&value).map(|()| (written == text).then_some(written));
        let rewritten: Rewritten = serde_json::from_str(text).unwrap();
        let rewritten = rewritten.finish();
        let read = rewritten.map(|it| it.map(|it| it.as_str().to_owned()).filter(|it| it == text));
        [by_value, read]
    }

    #[test]
    fn what_is_rewritten_is_what_a_value_is_written_as() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        let texts = [
            (r#"{"":-7,"a":"x","b":[1,{"a":true,"z":null},[],{}]}"#, true),
            (
                "{\"\\r\":\"\\u0001\\b\\\"\\\\/\u{7f}é\",\"\u{1f600}\":2,\"\u{fb33}\":1}",
                true,
            ),
            ("9007199254740991", true),
            ("-9007199254740991", true),
            ("false", true),
            ("{\"\u{fb33}\":1,\"\u{1f600}\":2}", false),
            (r#"{"b":1,"a":2}"#, false),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":{"b":[{"d":1,"c":2}]}}"#, false),
            (r#"[1, 2]"#, false),
            (r#""\u0041""#, false),
            (r#""\/""#, false),
            (r#""\u000A""#, false),
            ("-0", false),
            ("1.0", false),
            ("1e3", false),
            ("[9007199254740992]", false),
            ("-9007199254740992", false),
            (&nested(MAX_DEPTH + 1), true),
            (&nested(MAX_DEPTH + 2), false),
        ];
        for (text, canonical) in texts {
            let [by_value, rewritten] = both(text);
            assert_eq!(
                rewritten.as_ref().is_ok_and(Option::is_some),
                canonical,
                "{text}"
            );
            assert_eq!(by_value, rewritten, "{text}");
        }
    }
}
