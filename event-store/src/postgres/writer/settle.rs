//! What became of a batch when the answer was lost.
//!
//! The lock of the head makes the answer certain: whoever holds it knows that the
//! transaction in question is over, one way or the other.

use std::time::Duration;

use futures::FutureExt;
use sqlx::{PgConnection, Row};
use tokio::time::{Instant, timeout};

use crate::postgres::link::{Link, STEP};
use crate::{LogError, plan::Plan, postgres::read::clamp};

/// How long to look for the answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whether the batch was committed; `failure` is why that is not known.
pub(super) async fn settle(
    link: &mut Link,
    plan: &Plan,
    failure: &LogError,
) -> Result<bool, LogError> {
    let deadline = Instant::now() + PATIENCE;
    link.cut();
    loop {
        match probe(link, plan).await {
            Ok(happened) => return Ok(happened),
            Err(_) if Instant::now() < deadline => link.cut(),
            Err(_) => {
                return Err(LogError::storage(
                    "append a batch, which may have happened",
                    failure.clone(),
                ));
            }
        }
    }
}

async fn probe(link: &mut Link, plan: &Plan) -> Result<bool, LogError> {
    const WHAT: &str = "look for a batch";
    link.ready().await?;
    link.lock_head().await?;
    let mut connection = link.take(WHAT)?;
    let happened = timeout(STEP, is_there(&mut connection, plan).boxed()).await;
    let happened = link.give(WHAT, connection, happened).await?;
    link.rollback().await;
    Ok(happened)
}

/// Looks for the last thing that the batch has written of the first kind it has any of.
/// A hash stands for its event and all before it in the stream; a command's place or
/// a value's owner that are as the batch would have made them serve as well.
async fn is_there(connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<bool> {
    let query = if let Some(row) = plan.rows.last() {
        sqlx::query("SELECT hash = $2 FROM events WHERE position = $1")
            .bind(clamp(row.envelope.position))
            .bind(&row.hash[..])
    } else if let Some(entry) = plan.commands.last() {
        sqlx::query("SELECT fingerprint = $2 AND last_position = $3 FROM commands WHERE id = $1")
            .bind(entry.record.id)
            .bind(&entry.record.fingerprint[..])
            .bind(clamp(entry.last_position))
    } else if let Some(reservation) = plan.reservations.last() {
        sqlx::query("SELECT owner = $3 FROM reservations WHERE scope = $1 AND value = $2")
            .bind(&reservation.scope)
            .bind(&reservation.value)
            .bind(&reservation.owner)
    } else {
        return Ok(true);
    };
    match query.fetch_optional(connection).await? {
        Some(row) => row.try_get(0),
        None => Ok(false),
    }
}
