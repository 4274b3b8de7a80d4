//! Messages of the bus to messages of NATS and back.

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};

use crate::bus::{Headers, Message};

/// Headers for NATS; none when there are none. What no header can hold is left out.
pub(super) fn to_nats(headers: &Headers) -> Option<HeaderMap> {
    if headers.is_empty() {
        return None;
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            map.insert(name, value);
        }
    }
    Some(map)
}

/// The headers that are not of NATS itself.
pub(super) fn from_nats(map: Option<&HeaderMap>) -> Headers {
    let mut headers = Headers::new();
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
