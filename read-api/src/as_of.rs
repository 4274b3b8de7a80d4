//! `as_of`: an account, a key or a session as it was.

use axum::http::HeaderMap;
use countersign_event_store::{Point, PointError};
use countersign_projections::history::Entity;

use crate::api::{ReadApi, beyond_head};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::visibility::visible;

/// The parameter.
pub(crate) const AS_OF: &str = "as_of";

impl Query {
    /// Takes `as_of`.
    pub(crate) fn as_of(&mut self) -> Result<Option<Point>, Problem> {
        let Some(text) = self.text(AS_OF)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(Point::Position(0)) => {
                let detail = "is 0, and the first event has position 1: nothing was there before";
                Err(Problem::parameter(AS_OF, detail))
            }
            Ok(point) => Ok(Some(point)),
            Err(error) => Err(Problem::parameter(AS_OF, error)),
        }
    }
}

/// The row as it was at a point, and the position that the point is.
pub(crate) async fn past<E: Entity>(
    api: &ReadApi,
    headers: &HeaderMap,
    id: E::Id,
    point: Point,
) -> Result<(u64, E), Problem> {
    let position = api.resolve(point).await?;
    let row = past_at(api, headers, id, position).await?;
    Ok((position, row))
}

/// The row as it was at a position.
pub(crate) async fn past_at<E: Entity>(
    api: &ReadApi,
    headers: &HeaderMap,
    id: E::Id,
    position: u64,
) -> Result<E, Problem> {
    let log = api.history.log();
    let (stream, name) = (E::stream(id), E::KIND.name());
    let first = log.read_stream(&stream, 0, 1).await?;
    let viewer = api.visibility.viewer(headers);
    let first = visible(&*viewer, &api.owners, first).await?;
    let Some(first) = first.first() else {
        return Err(Problem::new(
            Code::NotFound,
            format!("there is no {name} {id}"),
        ));
    };
    if first.position > position {
        let detail = format!(
            "there was no {name} {id} at position {position}: it came to be at position {}",
            first.position
        );
        return Err(Problem::new(Code::NotFound, detail));
    }
    let past = api.history.at::<E>(id, position).await?;
    past.row.ok_or_else(|| {
        let detail = format!("the {name} {id} cannot be read at position {position}");
        Problem::new(Code::NotFound, detail)
    })
}

impl ReadApi {
    /// The position that a point is.
    pub(crate) async fn resolve(&self, point: Point) -> Result<u64, Problem> {
        let position = point.resolve(&**self.history.log(), (self.clock)()).await;
        position.map_err(refused)
    }
}

fn refused(error: PointError) -> Problem {
    match error {
        PointError::BeyondHead { position, head } => beyond_head(AS_OF, position, head),
        PointError::Log(error) => error.into(),
        error => Problem::parameter(AS_OF, format!("cannot be: {error}")),
    }
}
