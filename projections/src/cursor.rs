//! Places in a list. Clients hand them back as they got them.

use std::fmt;
use std::str::FromStr;

/// What a list is of; the cursor of one list is of no use in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Accounts.
    Accounts,
    /// Keys.
    Keys,
    /// Sessions.
    Sessions,
}

/// The place after a row: the rows created before it come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is of.
    pub collection: Collection,
    /// Creation position of the row.
    pub before: u64,
}

/// A cursor that no list gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a list gave out")]
pub struct CursorError;

impl Collection {
    fn tag(self) -> u8 {
        match self {
            Self::Accounts => b'a',
            Self::Keys => b'k',
            Self::Sessions => b's',
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 9];
        bytes[0] = self.collection.tag();
        bytes[1..].copy_from_slice(&self.before.to_be_bytes());
        f.write_str(&hex::encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut bytes = [0; 9];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| CursorError)?;
        let [tag, position @ ..] = bytes;
        let collection = [Collection::Accounts, Collection::Keys, Collection::Sessions]
            .into_iter()
            .find(|collection| collection.tag() == tag)
            .ok_or(CursorError)?;
        Ok(Self {
            collection,
            before: u64::from_be_bytes(position),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        for collection in [Collection::Accounts, Collection::Keys, Collection::Sessions] {
            for before in [0, 1, 77, u64::MAX] {
                let cursor = Cursor { collection, before };
                assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        let unknown = format!("7a{}", "00".repeat(8));
        for text in ["", "7", "zz", "73", &unknown, &"73".repeat(10)] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
