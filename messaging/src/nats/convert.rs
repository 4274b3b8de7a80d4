//! Messages of the bus to messages of NATS and back.

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue, NATS_MESSAGE_ID};

use crate::bus::{Headers, Message};

/// Headers for NATS; none when there are none.
pub(super) fn to_nats(headers: &Headers) -> Option<HeaderMap> {
    if headers.is_empty() {
        return None;
    }
    let mut map = HeaderMap::new();
    extend(&mut map, headers.iter());
    Some(map)
}

/// Adds headers. What no header can hold is left out.
pub(super) fn extend<'a>(map: &mut HeaderMap, headers: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            map.insert(name, value);
        }
    }
}

/// The position of the event in a message of the feed.
pub(super) fn position(map: &HeaderMap) -> Option<u64> {
    // For a time it was the message's id, and had no header of its own.
    let position = map.get(Headers::POSITION);
    let position = position.or_else(|| map.get(NATS_MESSAGE_ID))?;
    position.as_str().parse().ok()
}

/// The headers that are not of NATS itself, and the position.
pub(super) fn from_nats(map: Option<&HeaderMap>) -> Headers {
    let mut headers = Headers::new();
    if let Some(position) = map.and_then(position) {
        headers = headers.with_position(position);
    }
    let set = map.into_iter().flat_map(HeaderMap::iter);
    for (name, values) in set {
        let name: &str = name.as_ref();
        if let Some(value) = values.last()
            && !name.starts_with("Nats-")
        {
            headers.set(name.to_owned(), value.as_str());
        }
    }
    headers
}

/// A message as the bus delivers it.
pub(super) fn message(message: async_nats::Message) -> Message {
    Message {
        subject: message.subject.as_str().into(),
        headers: from_nats(message.headers.as_ref()),
        payload: message.payload,
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, extend, from_nats};

    #[test]
    fn a_position_has_a_header_of_its_own_or_was_the_message_id() {
        let position = |headers: &[(&str, &str)]| {
            let mut map = HeaderMap::new();
            extend(&mut map, headers.iter().copied());
            from_nats(Some(&map)).position()
        };
        assert_eq!(position(&[("Nats-Msg-Id", "7")]), Some(7));
        assert_eq!(position(&[("Cs-Position", "8")]), Some(8));
        assert_eq!(
            position(&[("Nats-Msg-Id", "9"), ("traceparent", "t")]),
            Some(9)
        );
        assert_eq!(
            position(&[("Nats-Msg-Id", "another"), ("Cs-Position", "10")]),
            Some(10)
        );
        assert_eq!(position(&[("Nats-Msg-Id", "other")]), None);
        assert_eq!(position(&[]), None);
    }
}
