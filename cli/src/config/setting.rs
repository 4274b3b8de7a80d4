//! How each type of value is read and shown.

use std::net::SocketAddr;
use std::path::PathBuf;

use countersign_domain::ids::PartyId;
use figment::value::Value;

/// A type that a field can have.
pub(crate) trait Setting: Sized {
    /// What it is, to follow "is not".
    const WHAT: &'static str;

    /// Reads it from the environment or an argument.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads it from a file.
    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().and_then(Self::from_text)
    }

    /// What `config show` shows.
    fn shown(&self) -> String;
}

macro_rules! number {
    ($type:ty, $what:literal) => {
        impl Setting for $type {
            const WHAT: &'static str = $what;

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn from_value(value: &Value) -> Option<Self> {
                <$type>::try_from(value.to_i128()?).ok()
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        }
    };
}

number!(u32, "a whole number from 0 to 4294967295");
number!(u64, "a whole number from 0 to 18446744073709551615");

impl Setting for bool {
    const WHAT: &'static str = "`true` or `false`";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.to_bool()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    const WHAT: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn shown(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn shown(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for SocketAddr {
    const WHAT: &'static str = "an address with a port, such as 127.0.0.1:8080 or [::1]:8080";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for PartyId {
    const WHAT: &'static str = "a name of a party: 1 to 63 lower-case letters, digits and dashes, a letter or \
         digit first";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for Vec<String> {
    const WHAT: &'static str = "a list of texts (in the environment: separated by commas)";

    fn from_text(text: &str) -> Option<Self> {
        let items = text.split(',').map(str::trim);
        Some(items.filter(|i| !i.is_empty()).map(Into::into).collect())
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_, items) => items
                .iter()
                .map(|item| item.as_str().map(ToOwned::to_owned))
                .collect(),
            other => other.as_str().and_then(Self::from_text),
        }
    }

    fn shown(&self) -> String {
        self.join(",")
    }
}
