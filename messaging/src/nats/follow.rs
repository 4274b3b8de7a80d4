//! Following the stream by a durable pull consumer.
//!
//! The server (2.9) filters a consumer by one subject, so it filters by what the
//! followed subjects have in common, and the rest is left out here.
//!
//! An event has been handled when the next one is asked for. One acknowledgement, sent
//! now and then, is for all events up to the last that was handled. So none may be
//! missing among them: the server numbers what it delivers, and where a number is
//! left out, the consumer is made anew from the last event that came.

mod consumer;

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{self, MessagesError, MessagesErrorKind};
use async_nats::jetstream::{self, Context};
use futures::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::bus::NatsBus;
use super::convert;
use crate::bus::{BusError, Incoming, Message, Subscription};
use crate::feed::FeedError;
use crate::subject::{is_pattern, is_subject, matches};
use consumer::{Failure, Start};

/// How many are asked for at once.
const BATCH: usize = 256;

/// How often the server says that it is still there …
const HEARTBEAT: Duration = Duration::from_secs(2);

/// … and how long it may take to say so the first time. Two are missed by then.
const MUTE: Duration = Duration::from_secs(6);

/// How long an acknowledgement may stand out, in time and in events.
const UNACKNOWLEDGED: Duration = Duration::from_millis(100);
const MOST_UNACKNOWLEDGED: u32 = 256;

/// How long one question lasts, which is then asked anew.
const QUESTION: Duration = Duration::from_secs(30);

/// The pauses between two attempts to go on.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the first attempt may hold up whoever begins to follow.
const FIRST: Duration = Duration::from_secs(5);

pub(super) async fn follow(
    bus: &NatsBus,
    context: Context,
    name: &str,
    subjects: &[String],
) -> Result<Subscription, FeedError> {
    if !is_subject(name) || name.contains(['.', '*', '>', '/', '\\']) {
        return Err(BusError::Subject(name.to_owned()).into());
    }
    if let Some(bad) = subjects.iter().find(|subject| !is_pattern(subject)) {
        return Err(BusError::Subject(bad.clone()).into());
    }
    let mut follower = Follower {
        context,
        name: name.to_owned(),
        filter: common(subjects),
        subjects: subjects.to_vec(),
        start: Start::Now,
        messages: None,
        asked: None,
        useless: false,
        delivered: None,
        handed: None,
        handled: Unacknowledged::default(),
        closed: bus.state().closed(),
        told: false,
    };
    // So that what is published from now on is followed.
    if bus.ready().await.is_ok()
        && let Ok(Err(error)) = timeout(FIRST, follower.go_on()).await
    {
        follower.tell(&error);
    }
    Ok(Incoming::new(stream::unfold(
        follower,
        |mut follower| async {
            let message = follower.next().await?;
            Some((message, follower))
        },
    )))
}

/// The one subject that covers all: their common tokens, then anything.
fn common(subjects: &[String]) -> String {
    let Some((first, others)) = subjects.split_first() else {
        return crate::subject::events_all();
    };
    if others.iter().all(|other| other == first) {
        return first.clone();
    }
    let mut shared: Vec<&str> = first.split('.').collect();
    for other in others {
        let same = shared.iter().zip(other.split('.'));
        let length = same.take_while(|(one, two)| **one == *two).count();
        shared.truncate(length);
    }
    if shared.last() != Some(&">") {
        shared.push(">");
    }
    shared.join(".")
}

struct Follower {
    context: Context,
    name: String,
    filter: String,
    subjects: Vec<String>,
    start: Start,
    messages: Option<pull::Stream>,
    /// When they were asked for; none once any came.
    asked: Option<Instant>,
    /// Whether the consumer that the server has is of no use.
    useless: bool,
    /// The number of its last delivery; none when nothing is known of it.
    delivered: Option<u64>,
    /// What was handed over and may still be in work.
    handed: Option<jetstream::Message>,
    handled: Unacknowledged,
    closed: watch::Receiver<bool>,
    /// Whether the current failure was logged.
    told: bool,
}

/// The events that were handled since the last acknowledgement.
#[derive(Default)]
struct Unacknowledged {
    last: Option<jetstream::Message>,
    since: Option<Instant>,
    events: u32,
}

impl Unacknowledged {
    fn add(&mut self, message: jetstream::Message) {
        self.since.get_or_insert_with(Instant::now);
        self.last = Some(message);
        self.events += 1;
    }

    fn due(&self) -> Option<Instant> {
        let due = self.since? + UNACKNOWLEDGED;
        let many = self.events >= MOST_UNACKNOWLEDGED;
        Some(if many { Instant::now() } else { due })
    }
}

impl Follower {
    /// The next event; none when the connection was closed.
    async fn next(&mut self) -> Option<Message> {
        if let Some(handled) = self.handed.take() {
            self.handled.add(handled);
        }
        let mut closed = self.closed.clone();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            message = self.advance() => Some(message),
        }
    }

    async fn advance(&mut self) -> Message {
        let mut pause = PAUSE;
        loop {
            let error = match &mut self.messages {
                None => match self.go_on().await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Some(messages) => {
                    let due = self.handled.due();
                    let delivered = tokio::select! {
                        biased;
                        () = until(due) => {
                            self.acknowledge().await;
                            continue;
                        }
                        delivered = messages.next() => delivered,
                    };
                    match delivered {
                        Some(Ok(message)) => match self.take(message) {
                            Ok(Some(message)) => return message,
                            Ok(None) => {
                                pause = PAUSE;
                                continue;
                            }
                            Err(missing) => missing,
                        },
                        Some(Err(error)) => {
                            self.messages = None;
                            self.failure(&error)
                        }
                        None => {
                            self.messages = None;
                            Failure::Away("the subscription has ended".to_owned())
                        }
                    }
                }
            };
            self.tell(&error);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes what was delivered: the event, if it is wanted.
    fn take(&mut self, message: jetstream::Message) -> Result<Option<Message>, Failure> {
        if let Ok(info) = message.info() {
            let number = info.consumer_sequence;
            if self.delivered.is_some_and(|last| number > last + 1) {
                self.messages = None;
                self.useless = true;
                return Err(Failure::Refused("a delivery did not arrive".to_owned()));
            }
            self.delivered = Some(number);
            // A delivery that was repeated is of an earlier event.
            self.start = match self.start {
                Start::After(last) => Start::After(last.max(info.stream_sequence)),
                _ => Start::After(info.stream_sequence),
            };
        }
        if std::mem::take(&mut self.told) {
            tracing::info!(name = self.name, "the feed is followed again");
        }
        self.asked = None;
        let subject = message.message.subject.as_str();
        let mut subjects = self.subjects.iter();
        let wanted = self.subjects.is_empty() || subjects.any(|pattern| matches(pattern, subject));
        if !wanted {
            self.handled.add(message);
            return Ok(None);
        }
        let event = convert::message(message.message.clone());
        self.handed = Some(message);
        Ok(Some(event))
    }

    fn failure(&mut self, error: &MessagesError) -> Failure {
        match error.kind() {
            MessagesErrorKind::ConsumerDeleted => {
                Failure::Refused("the consumer was deleted".to_owned())
            }
            // Not even one heartbeat: made while the server (2.9) was still setting
            // the stream up, a consumer never sends anything, and is made anew.
            MessagesErrorKind::MissingHeartbeat
                if self.asked.is_some_and(|asked| asked.elapsed() < MUTE) =>
            {
                self.useless = true;
                Failure::Refused("the consumer gives no sign of life".to_owned())
            }
            _ => Failure::Away(error.to_string()),
        }
    }

    /// Lost with the connection, they come again, and whoever follows knows them by
    /// their positions.
    async fn acknowledge(&mut self) {
        let handled = std::mem::take(&mut self.handled);
        if let Some(message) = handled.last
            && let Ok(Err(error)) = timeout(PAUSE, message.ack()).await
        {
            tracing::debug!(%error, "events were not acknowledged");
        }
    }

    /// Finds or makes the consumer, and asks it for events.
    async fn go_on(&mut self) -> Result<(), Failure> {
        let consumer = match self.consumer().await? {
            Some(consumer) => consumer,
            None => self.make().await?,
        };
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .heartbeat(HEARTBEAT)
            .expires(QUESTION)
            .messages()
            .await
            .map_err(|error| Failure::Away(error.to_string()))?;
        self.messages = Some(messages);
        self.asked = Some(Instant::now());
        Ok(())
    }

    fn tell(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(name = self.name, %failure, "the feed cannot be followed; trying again");
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn one_filter_covers_all_subjects() {
        let of = |subjects: &[&str]| {
            common(&subjects.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of(&["a.b.*"]), "a.b.*");
        assert_eq!(of(&["a.b.*", "a.c.*"]), "a.>");
        assert_eq!(of(&["a.b.c.*", "a.b.d.*", "a.b.>"]), "a.b.>");
        assert_eq!(of(&["a.>", "a.>"]), "a.>");
        assert_eq!(of(&[]), "cs.v1.events.>");
    }
}
