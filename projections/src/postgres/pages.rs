//! The log in decoded pages, read ahead of who folds them.
//!
//! What is there at the start is read in whole pages, several at a time; what comes
//! after that is followed.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{DecodedEvent, Decoder, Envelope, EventLog, LogError, Subscription};
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// The most events of a page.
pub(super) const PAGE: usize = 2000;

/// How many pages are read and decoded at the same time. With those that wait to be
/// folded this bounds the memory.
const AHEAD: usize = 2;

/// A page with fewer events is decoded at once; handing it over costs more.
const SMALL: usize = 64;

/// How long events gather after a page that was not full: on a busy system every page
/// costs a transaction, and the first event after a pause goes at once.
const GATHER: Duration = Duration::from_millis(30);

/// How long to wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Contiguous events.
pub(super) type Page = Arc<Vec<DecodedEvent>>;

/// Reads for as long as it is kept.
#[derive(Debug)]
pub(super) struct Pages {
    pages: mpsc::Receiver<Page>,
    reading: JoinHandle<()>,
}

impl Pages {
    /// The events after a position, as they come.
    pub(super) fn follow(log: Arc<dyn EventLog>, after: u64) -> Self {
        let (sender, pages) = mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let Some(head) = retried(|| log.head()).await else {
                return;
            };
            let whole = head.saturating_sub(after) / PAGE as u64 * PAGE as u64;
            let old = Box::pin(stored(log.clone(), after, after + whole, PAGE));
            let mut pages = old.chain(Box::pin(followed(log, after + whole)));
            while let Some(Some(page)) = pages.next().await {
                let small = page.len() < PAGE;
                if sender.send(page).await.is_err() {
                    return;
                }
                if small {
                    sleep(GATHER).await;
                }
            }
        });
        Self { pages, reading }
    }

    /// The events from the beginning up to a position that the log has.
    pub(super) fn up_to(log: Arc<dyn EventLog>, end: u64, size: usize) -> Self {
        let (sender, pages) = mpsc::channel(1);
        let reading = tokio::spawn(async move {
            let mut pages = Box::pin(stored(log, 0, end, size));
            while let Some(Some(page)) = pages.next().await {
                if sender.send(page).await.is_err() {
                    return;
                }
            }
        });
        Self { pages, reading }
    }

    /// The next page; none when the log is closed.
    pub(super) async fn next(&mut self) -> Option<Page> {
        self.pages.recv().await
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// What the log has, in whole pages but for the last; none in the place of a page if
/// the log is closed.
fn stored(
    log: Arc<dyn EventLog>,
    after: u64,
    end: u64,
    size: usize,
) -> impl Stream<Item = Option<Page>> {
    let places = (after..end).step_by(size);
    let read = move |after| {
        let log = log.clone();
        let end = end.min(after + size as u64);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let events = retried(|| page(&*log, after, end)).await?;
            Some(Arc::new(events))
        }))
    };
    stream::iter(places)
        .map(read)
        .buffered(AHEAD)
        .map(|read| read.ok().flatten())
}

/// The events after a position up to another.
async fn page(log: &dyn EventLog, after: u64, end: u64) -> Result<Vec<DecodedEvent>, LogError> {
    let decoder = Decoder::default();
    let amount = usize::try_from(end - after).unwrap_or(PAGE);
    let events = log.read_decoded(after, amount, &decoder).await?;
    let found = events.iter().map(|event| event.recorded.position);
    match found
        .zip(after + 1..)
        .find(|(found, wanted)| found != wanted)
    {
        None if events.len() == amount => Ok(events),
        None => Err(LogError::Gap {
            after: after + events.len() as u64,
            found: end,
        }),
        Some((found, wanted)) => Err(LogError::Gap {
            after: wanted - 1,
            found,
        }),
    }
}

/// Tries until it succeeds; none when the log is closed.
async fn retried<T, F>(ask: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, LogError>>,
{
    let mut failing = false;
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(LogError::Closed) => return None,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the log cannot be read");
            }
            Err(_) => {}
        }
        sleep(RETRY).await;
    }
}

fn followed(log: Arc<dyn EventLog>, after: u64) -> impl Stream<Item = Option<Page>> {
    let mut failing = false;
    Subscription::new(log, after)
        .page(PAGE)
        .stream()
        .ready_chunks(PAGE)
        .map(move |chunk| {
            let mut envelopes = Vec::with_capacity(chunk.len());
            for item in chunk {
                match item {
                    Ok(envelope) => {
                        failing = false;
                        envelopes.push(envelope);
                    }
                    Err(LogError::Closed) => {}
                    // The subscription tries again from where it was.
                    Err(error) if !failing => {
                        failing = true;
                        tracing::error!(%error, "the log cannot be followed");
                    }
                    Err(_) => {}
                }
            }
            envelopes
        })
        .filter(|envelopes| std::future::ready(!envelopes.is_empty()))
        .then(decode)
        .map(Some)
}

/// Decodes a page without holding up the others of this thread.
pub(super) async fn decode(envelopes: Vec<Arc<Envelope>>) -> Page {
    let decoder = Decoder::default();
    if envelopes.len() < SMALL {
        return Arc::new(decoder.decode_all(envelopes));
    }
    let events = spawn_blocking(move || decoder.decode_all(envelopes)).await;
    Arc::new(events.expect("decoding does not panic"))
}
