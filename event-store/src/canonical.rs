//! Canonical JSON: the bytes that are hashed and stored.
//!
//! Keys sorted by UTF-16 code units, no whitespace, minimal escapes: RFC 8785 for
//! data without fractions. Fractions and integers that a double cannot hold have no
//! form here that every implementation writes alike, so an append with one is
//! refused.

use serde_json::Value;

/// Largest integer, by magnitude, that every JSON implementation reads exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Deepest nesting accepted. The parser reads 128 levels, the envelope adds one.
const MAX_DEPTH: usize = 96;

/// The canonical form of `value`.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
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
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (key, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_str(out, key);
                out.push(b':');
                write(out, item);
            }
            out.push(b'}');
        }
        scalar => serde_json::to_writer(out, scalar).expect("a vector takes every write"),
    }
}

pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a vector takes every write");
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
        return Err("a payload is nested too deeply");
    }
    match value {
        Value::Number(number) => {
            let magnitude = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs))
                .ok_or("a payload holds a number that is not an integer")?;
            if magnitude > MAX_INTEGER {
                return Err("a payload holds an integer beyond 2^53 - 1");
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_at(item, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|item| check_at(item, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
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
}
