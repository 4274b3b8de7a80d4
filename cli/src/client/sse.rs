//! Reads event streams (WHATWG HTML, 9.2).

use std::io::{self, BufRead};

/// A message of an event stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Position of the event, or up to which there is nothing.
    pub(crate) id: Option<u64>,
    /// What kind of message; empty for an event of the log.
    pub(crate) event: String,
    pub(crate) data: String,
}

/// The messages of a stream, each when it is whole. What a stream that breaks off had
/// begun to say is left out.
pub(crate) fn messages(mut stream: impl BufRead) -> impl Iterator<Item = io::Result<Message>> {
    let mut message = Message::default();
    std::iter::from_fn(move || {
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let whole = std::mem::take(&mut message);
                if whole.id.is_some() || !whole.data.is_empty() {
                    return Some(Ok(whole));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => message.id = value.parse().ok(),
                "event" => value.clone_into(&mut message.event),
                "data" => {
                    if !message.data.is_empty() {
                        message.data.push('\n');
                    }
                    message.data.push_str(value);
                }
                // A comment, or of no concern here.
                _ => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Message> {
        let messages: io::Result<Vec<_>> = messages(text.as_bytes()).collect();
        messages.expect("no failure")
    }

    #[test]
    fn messages_are_told_apart_by_empty_lines_and_comments_are_none() {
        let messages = read(
            "retry: 1000\n\n:\n\nid: 7\ndata: {\"a\":1}\n\nid: 9\r\nevent: position\r\n\
             data:{}\r\n\r\n",
        );
        let expected = [(Some(7), "", "{\"a\":1}"), (Some(9), "position", "{}")];
        let expected = expected.map(|(id, event, data)| Message {
            id,
            event: event.to_owned(),
            data: data.to_owned(),
        });
        assert_eq!(messages, expected);
    }

    #[test]
    fn what_was_not_finished_is_left_out() {
        assert_eq!(read("id: 7\ndata: {}\n\nid: 8\ndata: {").len(), 1);
    }

    #[test]
    fn data_of_several_lines_belongs_together() {
        assert_eq!(read("data: a\ndata: b\n\n")[0].data, "a\nb");
    }
}
