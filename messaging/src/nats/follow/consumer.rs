//! The durable consumer that a follower has on the server.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{Error, ErrorCode};

use super::{Follower, Unacknowledged};
use crate::nats::STREAM;

/// How long an event may be in a follower's hands before it is delivered again. Far
/// longer than an acknowledgement stands out.
const ACK_WAIT: Duration = Duration::from_secs(5);

/// How many may be.
const IN_HANDS: i64 = 4096;

/// Where a consumer that has to be made begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// With what is published from now on.
    Now,
    /// With the first event: there was no stream when following began.
    First,
    /// After a sequence that was handed over.
    After(u64),
}

/// Why events do not come; tried again in any case.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(String),
    #[error("the server is away ({0})")]
    Away(String),
}

impl Follower {
    /// The consumer of this name, unless it is of another form or of no use.
    pub(super) async fn consumer(&mut self) -> Result<Option<PullConsumer>, Failure> {
        let found = self
            .context
            .get_consumer_from_stream::<pull::Config, _, _>(&self.name, STREAM)
            .await;
        let consumer = match found {
            Ok(consumer) => consumer,
            Err(error) => match error.kind() {
                ConsumerErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND =>
                {
                    return Ok(None);
                }
                ConsumerErrorKind::JetStream(error) => return Err(self.refused(&error)),
                _ => return Err(Failure::Away(error.to_string())),
            },
        };
        let info = consumer.cached_info();
        let config = &info.config;
        let fits = config.filter_subject == self.filter && config.ack_policy == AckPolicy::All;
        // One acknowledgement is for all before it: what somebody before us had in its
        // hands has to come again first.
        let abandoned = self.delivered.is_none() && info.num_ack_pending > 0;
        if fits && !self.useless && !abandoned {
            self.delivered
                .get_or_insert(info.delivered.consumer_sequence);
            return Ok(Some(consumer));
        }
        // What was handled is not given again; where nothing was, it begins where the
        // consumer before it began.
        let begun = match config.deliver_policy {
            DeliverPolicy::ByStartSequence { start_sequence } => start_sequence - 1,
            _ => 0,
        };
        let taken = info.ack_floor.stream_sequence.max(begun);
        self.start = match self.start {
            Start::After(sequence) => Start::After(sequence.max(taken)),
            _ => Start::After(taken),
        };
        self.delete().await?;
        self.useless = false;
        Ok(None)
    }

    pub(super) async fn make(&mut self) -> Result<PullConsumer, Failure> {
        // It counts from 1, and would take an acknowledgement of what another delivered
        // for one of its own. It begins after all that was handled.
        self.delivered = Some(0);
        self.handled = Unacknowledged::default();
        if matches!(self.start, Start::Now) {
            // Where that is, the consumer has to say: its successor will ask. A stream
            // is not for everybody to look at, so the place comes from a consumer, too.
            let made = self.create(DeliverPolicy::New).await?;
            self.start = Start::After(made.cached_info().delivered.stream_sequence);
            self.delete().await?;
        }
        self.create(match self.start {
            Start::Now => DeliverPolicy::New,
            Start::First => DeliverPolicy::All,
            Start::After(sequence) => DeliverPolicy::ByStartSequence {
                start_sequence: sequence + 1,
            },
        })
        .await
    }

    async fn create(&mut self, deliver_policy: DeliverPolicy) -> Result<PullConsumer, Failure> {
        let config = pull::Config {
            durable_name: Some(self.name.clone()),
            filter_subject: self.filter.clone(),
            deliver_policy,
            ack_policy: AckPolicy::All,
            ack_wait: ACK_WAIT,
            max_ack_pending: IN_HANDS,
            ..pull::Config::default()
        };
        let made = self.context.create_consumer_on_stream(config, STREAM).await;
        made.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(error) => self.refused(&error),
            _ => Failure::Away(error.to_string()),
        })
    }

    async fn delete(&self) -> Result<(), Failure> {
        self.context
            .delete_consumer_from_stream(&self.name, STREAM)
            .await
            .map(|_| ())
            .map_err(|error| Failure::Away(error.to_string()))
    }

    fn no_stream(&mut self) -> Failure {
        if matches!(self.start, Start::Now) {
            self.start = Start::First;
        }
        Failure::Refused(format!("there is no stream {STREAM} yet"))
    }

    fn refused(&mut self, error: &Error) -> Failure {
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND {
            return self.no_stream();
        }
        Failure::Refused(error.to_string())
    }
}
