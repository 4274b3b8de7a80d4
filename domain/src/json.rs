//! JSON that has one meaning: every name once, and one way to write it.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object; none when it is not one, or when a name occurs twice in it
/// or in any object inside it.
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<NamedOnce>(text).ok()?;
    serde_json::from_slice(text).ok()
}

/// The canonical form: names sorted, no white space (RFC 8785 for the strings
/// and integers that claims consist of).
pub(crate) fn canonical(object: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_object(&mut out, object);
    out
}

// `Map` sorts its names by itself unless some crate of the build turns on
// `serde_json/preserve_order`, which must not change a hash.
fn write_object(out: &mut String, object: &Map<String, Value>) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Object(object) => write_object(out, object),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Any JSON in which no object has a name twice.
struct NamedOnce;

impl<'de> Deserialize<'de> for NamedOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamedOnceVisitor)
    }
}

struct NamedOnceVisitor;

impl<'de> Visitor<'de> for NamedOnceVisitor {
    type Value = NamedOnce;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with every name once")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_unit<E: Error>(self) -> Result<NamedOnce, E> {
        Ok(NamedOnce)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NamedOnce, A::Error> {
        while items.next_element::<NamedOnce>()?.is_some() {}
        Ok(NamedOnce)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<NamedOnce, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<NamedOnce>()?;
            if !names.insert(name) {
                return Err(A::Error::custom("a name occurs twice"));
            }
        }
        Ok(NamedOnce)
    }
}
