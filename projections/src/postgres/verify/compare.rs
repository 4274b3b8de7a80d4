//! Compares the rows of two versions.

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::{Deviation, Difference};
use crate::postgres::failure::failed;
use crate::postgres::registry::Target;
use crate::{Projection, StoreError};

/// The most places that are named for one row.
const PLACES: usize = 20;

/// Tells of each row of `stored` that is not as in `expected`; returns how many
/// rows are expected, and how many differ.
pub(super) async fn compare(
    snapshot: &mut PgConnection,
    stored: Target,
    expected: Target,
    found: &mut (dyn FnMut(Difference) + Send),
) -> Result<(u64, u64), StoreError> {
    let (stored_table, expected_table) = (stored.table(), expected.table());
    let counted = format!("SELECT count(DISTINCT id) FROM {expected_table}");
    let rows: i64 = sqlx::query_scalar(&counted)
        .fetch_one(&mut *snapshot)
        .await
        .map_err(failed("counting rows"))?;
    let mut differences = 0;
    let mut statements = vec![match stored.projection {
        Projection::Timeline => sql(&whole(&stored_table), &whole(&expected_table), &[]),
        other => sql(&stored_table, &expected_table, columns(other)),
    }];
    if stored.projection == Projection::Parties {
        statements.push(sql(&stored.running(), &expected.running(), &[]));
    }
    for statement in statements {
        let mut rows = sqlx::query(&statement).fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await.map_err(failed("comparing rows"))? {
            let Some(deviation) = deviation(&row) else {
                continue;
            };
            differences += 1;
            found(Difference {
                projection: stored.projection,
                row: row.get(0),
                deviation,
            });
        }
    }
    Ok((rows.unsigned_abs(), differences))
}

/// What is stored beside the document.
fn columns(projection: Projection) -> &'static [&'static str] {
    match projection {
        Projection::Accounts => &["created_position", "username", "email", "status"],
        Projection::Keys => &["created_position", "account_id", "status"],
        Projection::Sessions => &["created_position", "account_id", "key_id", "status", "kind"],
        Projection::Parties | Projection::Timeline => &[],
    }
}

/// A timeline in one piece: its parts depend on how the events came.
fn whole(table: &str) -> String {
    format!(
        "(SELECT id, '[' || string_agg(substr(doc::text, 2, length(doc::text) - 2), ','
            ORDER BY position) || ']' AS doc
          FROM {table} GROUP BY id)"
    )
}

/// Rows that differ at first sight: their ids, documents, and columns that differ.
fn sql(stored: &str, expected: &str, columns: &[&str]) -> String {
    let differ: Vec<_> = columns
        .iter()
        .map(|it| format!("CASE WHEN stored.{it} IS DISTINCT FROM expected.{it} THEN '{it}' END"))
        .collect();
    let differ = differ.join(", ");
    format!(
        "SELECT id, stored, expected, columns FROM (
            SELECT coalesce(stored.id, expected.id)::text AS id, stored.doc::text AS stored,
                expected.doc::text AS expected,
                array_remove(ARRAY[{differ}]::text[], NULL) AS columns
            FROM {stored} AS stored FULL JOIN {expected} AS expected USING (id)
         ) AS compared
         WHERE stored IS DISTINCT FROM expected OR cardinality(columns) > 0"
    )
}

fn deviation(row: &PgRow) -> Option<Deviation> {
    let (stored, expected) = match (row.get(1), row.get(2)) {
        (None, _) => return Some(Deviation::Missing),
        (_, None) => return Some(Deviation::Unexpected),
        (Some(stored), Some(expected)) => (stored, expected),
    };
    let mut places: Vec<String> = row.get(3);
    let values: (Result<Value, _>, Result<Value, _>) =
        (serde_json::from_str(stored), serde_json::from_str(expected));
    match values {
        (Ok(stored), Ok(expected)) => differ(&stored, &expected, String::new(), &mut places),
        _ => places.push("/".into()),
    }
    places.truncate(PLACES);
    // The same in another order of words is the same.
    (!places.is_empty()).then_some(Deviation::Differs(places))
}

/// Where two documents differ, as JSON pointers (RFC 6901).
fn differ(stored: &Value, expected: &Value, place: String, places: &mut Vec<String>) {
    let child = |name: &str| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
    match (stored, expected) {
        (Value::Object(stored), Value::Object(expected)) => {
            for name in stored.keys().filter(|name| !expected.contains_key(*name)) {
                places.push(child(name));
            }
            for (name, value) in expected {
                match stored.get(name) {
                    Some(stored) => differ(stored, value, child(name), places),
                    None => places.push(child(name)),
                }
            }
        }
        (Value::Array(stored), Value::Array(expected)) if stored.len() == expected.len() => {
            for (index, (stored, expected)) in stored.iter().zip(expected).enumerate() {
                differ(stored, expected, child(&index.to_string()), places);
            }
        }
        _ if stored == expected => {}
        _ => places.push(place),
    }
}
