//! Reads JSON and writes it in canonical form on the way, so that no value is built of
//! what is only compared and hashed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{MAX_DEPTH, TOO_DEEP, in_order, integer, write_integer, write_str};

/// JSON in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalText(String);

impl CanonicalText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it is JSON")
    }
}

/// What was read, as it is written, and what stands against that.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    text: Vec<u8>,
    /// Why it has no canonical form.
    refused: Option<&'static str>,
    /// Whether names are out of order or occur twice.
    disordered: bool,
}

impl Rewritten {
    /// The canonical form of what was read; none when it was out of order.
    ///
    /// # Errors
    ///
    /// Why it has no canonical form.
    pub(crate) fn finish(self) -> Result<Option<CanonicalText>, &'static str> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let text = String::from_utf8(self.text).expect("it was written from text");
        Ok((!self.disordered).then_some(CanonicalText(text)))
    }

    fn refuse(&mut self, reason: &'static str) {
        self.refused.get_or_insert(reason);
    }
}

impl<'de> Deserialize<'de> for Rewritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Self::default();
        let root = Node {
            all: &mut all,
            depth: 0,
        };
        root.deserialize(deserializer)?;
        Ok(all)
    }
}

/// A value within what is read.
struct Node<'a> {
    all: &'a mut Rewritten,
    depth: usize,
}

impl Node<'_> {
    fn inner(&mut self) -> Node<'_> {
        let depth = self.depth + 1;
        Node {
            all: self.all,
            depth,
        }
    }
}

/// A name, which needs no memory of its own as long as nothing in it is escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            self.all.refuse(TOO_DEEP);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.all.text.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.all.text.extend_from_slice(text);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        integer(value).unwrap_or_else(|reason| self.all.refuse(reason));
        write_integer(&mut self.all.text, value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        integer(value.unsigned_abs()).unwrap_or_else(|reason| self.all.refuse(reason));
        write_integer(&mut self.all.text, value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.all.refuse(super::NO_INTEGER);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        write_str(&mut self.all.text, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.all.text.push(b'[');
        // The comma is there before it is known whether another item comes.
        let mut end = self.all.text.len();
        while items.next_element_seed(self.inner())?.is_some() {
            end = self.all.text.len();
            self.all.text.push(b',');
        }
        self.all.text.truncate(end);
        self.all.text.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.all.text.push(b'{');
        let mut last: Option<Cow<'de, str>> = None;
        while let Some(Name(name)) = members.next_key()? {
            if let Some(last) = &last {
                self.all.disordered |= !in_order(last, &name);
                self.all.text.push(b',');
            }
            write_str(&mut self.all.text, &name);
            self.all.text.push(b':');
            members.next_value_seed(self.inner())?;
            last = Some(name);
        }
        self.all.text.push(b'}');
        Ok(())
    }
}
