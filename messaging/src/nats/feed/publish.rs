//! Pipelined, fenced publications.

use std::collections::VecDeque;

use async_nats::HeaderMap;
use async_nats::header::{
    HeaderValue, NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID,
};
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;

use super::{IN_FLIGHT, NatsFeed, Tail};
use crate::bus::{BusError, Headers};
use crate::feed::{FeedError, FeedEvent};
use crate::nats::convert;

/// What the stream must end with for a publication to be taken.
#[derive(Debug, Clone, Copy)]
enum Fence {
    /// The event at this position.
    After(u64),
    /// The message of this sequence.
    Sequence(u64),
}

pub(super) async fn all(
    feed: &NatsFeed,
    after: Option<u64>,
    events: &[FeedEvent],
) -> Result<(), FeedError> {
    feed.bus.ready().await?;
    let fence = match after {
        Some(after) => Fence::After(after),
        None => Fence::Sequence(at(feed, after).await?.sequence),
    };
    let refused = match pipeline(feed, fence, events).await {
        Err(error) if is_fenced(&error) => error,
        ended => return ended.map_err(failed),
    };
    feed.remember(None);
    let tail = at(feed, after).await?;
    if matches!(fence, Fence::Sequence(sequence) if sequence == tail.sequence) {
        return Err(failed(refused));
    }
    // The stream is where it was left, and the server does not know it any more.
    let ended = pipeline(feed, Fence::Sequence(tail.sequence), events).await;
    ended.map_err(failed)
}

/// The tail of the stream, when it is after `after`.
async fn at(feed: &NatsFeed, after: Option<u64>) -> Result<Tail, FeedError> {
    let tail = feed.tail().await?;
    if tail.position == after {
        return Ok(tail);
    }
    Err(FeedError::Overtaken {
        last: tail.position.unwrap_or(0),
    })
}

/// Publishes all events, each to follow the one before, and awaits every answer.
async fn pipeline(
    feed: &NatsFeed,
    mut fence: Fence,
    events: &[FeedEvent],
) -> Result<(), PublishError> {
    let mut lost = feed.bus.connected();
    let published = async {
        let mut waiting = VecDeque::with_capacity(events.len().min(IN_FLIGHT));
        for event in events {
            if waiting.len() == IN_FLIGHT {
                answered(feed, waiting.pop_front()).await?;
            }
            let message = message(event, fence);
            let sent = feed.context.send_publish(event.subject.clone(), message);
            waiting.push_back((event.position, sent.await?));
            fence = Fence::After(event.position);
        }
        while !waiting.is_empty() {
            answered(feed, waiting.pop_front()).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = published => ended,
        // Answers to what was sent before do not come any more.
        _ = lost.wait_for(|connected| !connected) => {
            Err(PublishError::new(PublishErrorKind::BrokenPipe))
        }
    }
}

async fn answered(
    feed: &NatsFeed,
    sent: Option<(u64, PublishAckFuture)>,
) -> Result<(), PublishError> {
    if let Some((position, answer)) = sent {
        let answer = answer.await?;
        feed.remember(Some(Tail {
            position: Some(position),
            sequence: answer.sequence,
        }));
    }
    Ok(())
}

fn message(event: &FeedEvent, fence: Fence) -> PublishMessage {
    let mut headers = HeaderMap::new();
    // The position is the message's id already.
    let others = |(name, _): &(&str, &str)| *name != Headers::POSITION;
    convert::extend(&mut headers, event.headers.iter().filter(others));
    headers.insert(NATS_MESSAGE_ID, HeaderValue::from(event.position));
    match fence {
        Fence::After(position) => {
            headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, HeaderValue::from(position));
        }
        Fence::Sequence(sequence) => {
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, HeaderValue::from(sequence));
        }
    }
    PublishMessage::build()
        .payload(event.payload.clone())
        .headers(headers)
}

fn is_fenced(error: &PublishError) -> bool {
    matches!(
        error.kind(),
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence
    )
}

fn failed(error: PublishError) -> FeedError {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => BusError::Refused(error.into()).into(),
        PublishErrorKind::StreamNotFound => {
            FeedError::Setup("no stream takes events: it is set up at the next try".to_owned())
        }
        _ => BusError::Connection(error.into()).into(),
    }
}
