//! Pipelined, fenced publications.

use std::collections::VecDeque;

use async_nats::HeaderMap;
use async_nats::header::{HeaderValue, NATS_EXPECTED_LAST_SEQUENCE};
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;

use super::{IN_FLIGHT, NatsFeed, Tail};
use crate::bus::BusError;
use crate::feed::{FeedError, FeedEvent};
use crate::nats::convert;

pub(super) async fn all(
    feed: &NatsFeed,
    after: Option<u64>,
    events: &[FeedEvent],
) -> Result<(), FeedError> {
    feed.bus.ready().await?;
    let tail = match feed.remembered() {
        Some(tail) if tail.position == after => tail,
        _ => at(feed, after).await?,
    };
    let refused = match pipeline(feed, tail.sequence, events).await {
        Err(error) if is_fenced(&error) => error,
        ended => return ended.map_err(failed),
    };
    feed.remember(None);
    let now = at(feed, after).await?;
    if now.sequence == tail.sequence {
        return Err(failed(refused));
    }
    // The same event is the last, and more has happened to the stream: what no relay
    // published was added, or it was made anew.
    let ended = pipeline(feed, now.sequence, events).await;
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

/// Publishes all events, the first to follow the message of this sequence and each the
/// one before, and awaits every answer.
async fn pipeline(
    feed: &NatsFeed,
    sequence: u64,
    events: &[FeedEvent],
) -> Result<(), PublishError> {
    let mut lost = feed.bus.connected();
    let published = async {
        let mut waiting = VecDeque::with_capacity(events.len().min(IN_FLIGHT));
        for (event, last) in events.iter().zip(sequence..) {
            if waiting.len() == IN_FLIGHT {
                answered(feed, waiting.pop_front()).await?;
            }
            let message = message(event, last);
            let sent = feed.context.send_publish(event.subject.clone(), message);
            waiting.push_back((event.position, sent.await?));
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

fn message(event: &FeedEvent, last_sequence: u64) -> PublishMessage {
    let mut headers = HeaderMap::new();
    convert::extend(&mut headers, event.headers.iter());
    headers.insert(
        NATS_EXPECTED_LAST_SEQUENCE,
        HeaderValue::from(last_sequence),
    );
    PublishMessage::build()
        .payload(event.payload.clone())
        .headers(headers)
}

fn is_fenced(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::WrongLastSequence
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
