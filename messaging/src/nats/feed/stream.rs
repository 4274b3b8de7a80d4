//! The stream itself: set up, and read from its end.

use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind};
use async_nats::jetstream::{Error, ErrorCode};
use serde::Serialize;

use super::{NatsFeed, Tail};
use crate::bus::BusError;
use crate::feed::FeedError;
use crate::nats::settings::FeedSettings;
use crate::nats::{STREAM, convert};

/// Messages looked at for one that a relay has published.
const LOOK_BACK: u64 = 10_000;

impl NatsFeed {
    pub(super) async fn set_up(&self, settings: &FeedSettings) -> Result<Info, FeedError> {
        let found = match self.api("STREAM.INFO", &()).await? {
            Ok(found) => found,
            Err(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                match self.api("STREAM.CREATE", &settings.stream()).await? {
                    Ok(created) => return Ok(created),
                    // When another replica makes the stream at this instant, the server
                    // (2.9) may call that one an overlap, even with itself.
                    Err(error) => match self.api("STREAM.INFO", &()).await? {
                        Ok(found) => found,
                        Err(_) => return Err(refused("made", &error)),
                    },
                }
            }
            Err(error) => return Err(refused("looked at", &error)),
        };
        let Some(changed) = settings.update(&found.config)? else {
            return Ok(found);
        };
        tracing::info!(stream = STREAM, "the stream's settings are updated");
        let updated = self.api("STREAM.UPDATE", &changed).await?;
        updated.map_err(|error| refused("updated", &error))
    }

    /// Reads where the stream ends.
    ///
    /// When all events have aged out or were purged, none says its position, and the
    /// sequence does: what this process itself published there last, else by being
    /// the same number.
    pub(super) async fn tail(&self) -> Result<Tail, FeedError> {
        let info = match self.api("STREAM.INFO", &()).await? {
            Ok(info) => info,
            Err(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                let Some(settings) = &self.settings else {
                    let text = format!("there is no stream {STREAM} yet");
                    return Err(FeedError::Setup(text));
                };
                tracing::warn!(stream = STREAM, "the stream is gone and is made anew");
                self.remember(None);
                self.set_up(settings).await?
            }
            Err(error) => return Err(refused("looked at", &error)),
        };
        let (first, last) = (info.state.first_sequence, info.state.last_sequence);
        let known = self.remembered().filter(|tail| tail.sequence == last);
        let position = match known {
            Some(tail) => tail.position,
            None if info.state.messages == 0 => (last > 0).then_some(last),
            None => self.position(first, last).await?,
        };
        let tail = Tail {
            position,
            sequence: last,
        };
        self.remember(Some(tail));
        Ok(tail)
    }

    /// Position of the last event among the messages `first..=last`.
    async fn position(&self, first: u64, last: u64) -> Result<Option<u64>, FeedError> {
        let stream = self
            .context
            .get_stream_no_info(STREAM)
            .await
            .map_err(|error| FeedError::Setup(error.to_string()))?;
        for sequence in (first..=last).rev().take(LOOK_BACK as usize) {
            match stream.get_raw_message(sequence).await {
                Ok(message) => {
                    let position = convert::position(&message.headers);
                    if position.is_some() {
                        return Ok(position);
                    }
                    tracing::warn!(sequence, "the feed's stream holds what no relay published");
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(BusError::Connection(error.into()).into()),
            }
        }
        Ok((first > 1).then(|| first - 1))
    }

    async fn api<T: Serialize + ?Sized>(
        &self,
        call: &str,
        body: &T,
    ) -> Result<Result<Info, Error>, FeedError> {
        let asked = self.context.request(format!("{call}.{STREAM}"), body);
        match asked.await {
            Ok(Response::Ok(answer)) => Ok(Ok(answer)),
            Ok(Response::Err { error }) => Ok(Err(error)),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => FeedError::Setup(
                    "the NATS server has no JetStream: enable it in its configuration".to_owned(),
                ),
                RequestErrorKind::TimedOut if self.bus.is_connected() => {
                    FeedError::Silent(format!(
                        "{call} of {STREAM} has no reply; is this user permitted to ask, and is a \
                     majority of the cluster up?"
                    ))
                }
                _ => BusError::Connection(error.into()).into(),
            }),
        }
    }
}

fn refused(what: &str, error: &Error) -> FeedError {
    FeedError::Setup(match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            "JetStream is not enabled for this account".to_owned()
        }
        ErrorCode::STREAM_SUBJECT_OVERLAP => format!(
            "another stream of the server takes the subjects of {STREAM}: remove it or narrow it"
        ),
        _ => format!("the stream {STREAM} could not be {what}: {error}"),
    })
}
