//! A point in the history of a log: a position, or a time.
//!
//! Events bear the time at which their command was decided, by the clock of the process
//! that decided it, so times need not grow with positions. **The position of a time is
//! the last one whose event was recorded at that time or before.** It is found by
//! halving; around the place found, events may be out of the order of their times by as
//! many positions as [`DISORDER`].

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::{LogError, ReadLog};

/// How far apart, in positions, events may be that are not in the order of their times:
/// what all processes append while their clocks disagree.
pub const DISORDER: usize = 1024;

/// How far ahead of our clock a time may be: that of whoever asks need not be ours.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// A position, or a time in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// After the event at this position; 0 is before all.
    Position(u64),
    /// After the last event that was recorded at this time or before.
    Time(DateTime<Utc>),
}

/// Why a point is none of the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PointError {
    /// It is neither a position nor a time.
    #[error(
        "must be a position, such as 17, or a time as in RFC 3339, such as 2026-01-31T12:00:00Z \
         (in a URL, write Z or %2B, because + means a space)"
    )]
    Malformed,
    /// No event has this position yet.
    #[error("position {position} is beyond the head of the log, {head}: name one up to that")]
    BeyondHead {
        /// The position asked for.
        position: u64,
        /// Position of the last event.
        head: u64,
    },
    /// Nothing was recorded until then.
    #[error("{} is before the first event, which was recorded at {}: name a time from then on", show(.time), show(.first))]
    BeforeFirst {
        /// The time asked for.
        time: DateTime<Utc>,
        /// When the first event was recorded.
        first: DateTime<Utc>,
    },
    /// There is no event to have a time.
    #[error("the log is empty: no event has a time yet")]
    Empty,
    /// What will be is not known.
    #[error("{} is in the future: it is {} now", show(.time), show(.now))]
    Future {
        /// The time asked for.
        time: DateTime<Utc>,
        /// The time now.
        now: DateTime<Utc>,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Point {
    /// The position that this point is in the log, at the time `now`: at most its head.
    ///
    /// # Errors
    ///
    /// [`PointError`] when it is beyond the head, before the first event or in the
    /// future, or when the log cannot be read.
    pub async fn resolve(self, log: &dyn ReadLog, now: DateTime<Utc>) -> Result<u64, PointError> {
        match self {
            Self::Position(position) => {
                let head = log.head().await?;
                if position > head {
                    return Err(PointError::BeyondHead { position, head });
                }
                Ok(position)
            }
            Self::Time(time) if time > now + AHEAD => Err(PointError::Future { time, now }),
            Self::Time(time) => last_until(log, time).await,
        }
    }
}

/// The last position whose event was recorded at `time` or before.
async fn last_until(log: &dyn ReadLog, time: DateTime<Utc>) -> Result<u64, PointError> {
    let head = log.head().await?;
    if head == 0 {
        return Err(PointError::Empty);
    }
    if recorded_at(log, head).await? <= time {
        return Ok(head);
    }
    // Until then before the first, later than that from the second on.
    let (mut until, mut later) = (0, head);
    while later - until > 1 {
        let middle = until + (later - until) / 2;
        if recorded_at(log, middle).await? <= time {
            until = middle;
        } else {
            later = middle;
        }
    }
    loop {
        let window = log.read_all(until, DISORDER).await?;
        let last = window.iter().rev().find(|event| event.recorded_at <= time);
        match last {
            Some(last) => until = last.position,
            None if until == 0 => {
                let first = recorded_at(log, 1).await?;
                return Err(PointError::BeforeFirst { time, first });
            }
            None => return Ok(until),
        }
    }
}

async fn recorded_at(log: &dyn ReadLog, position: u64) -> Result<DateTime<Utc>, LogError> {
    let events = log.read_all(position - 1, 1).await?;
    let event = events.first().filter(|event| event.position == position);
    event.map(|event| event.recorded_at).ok_or(LogError::Gap {
        after: position - 1,
        found: events.first().map_or(0, |event| event.position),
    })
}

fn show(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl FromStr for Point {
    type Err = PointError;

    fn from_str(text: &str) -> Result<Self, PointError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let position = text.parse().map_err(|_| PointError::Malformed)?;
            return Ok(Self::Position(position));
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| PointError::Malformed)?;
        Ok(Self::Time(time.to_utc()))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => position.fmt(f),
            Self::Time(time) => f.write_str(&show(time)),
        }
    }
}
