//! The few headers that messages carry.

use std::borrow::Cow;

/// Names and values, in the order they were set; usually none or two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// Global position of an event in the log, in decimal.
    pub const POSITION: &'static str = "Cs-Position";
    /// Trace context (W3C Trace Context).
    pub const TRACEPARENT: &'static str = "traceparent";

    /// No headers; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a header, replacing one of the same name.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with the position of an event.
    #[must_use]
    pub fn with_position(self, position: u64) -> Self {
        self.with(Self::POSITION, position.to_string())
    }

    /// The same with a trace context.
    #[must_use]
    pub fn with_traceparent(self, traceparent: impl Into<String>) -> Self {
        self.with(Self::TRACEPARENT, traceparent)
    }

    /// The value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The position of the event in the message.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.get(Self::POSITION)?.parse().ok()
    }

    /// The trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.get(Self::TRACEPARENT)
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Headers;

    #[test]
    fn a_header_is_set_once() {
        let mut headers = Headers::new()
            .with_position(7)
            .with_traceparent("00-a-b-01");
        headers.set(Headers::POSITION, "8");
        assert_eq!(headers.position(), Some(8));
        assert_eq!(headers.traceparent(), Some("00-a-b-01"));
        assert_eq!(headers.iter().count(), 2);
        assert_eq!(headers.get("other"), None);
    }
}
