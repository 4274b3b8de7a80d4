//! The versions of the projections, and their tables.

use sqlx::{PgConnection, PgPool, Row as _};

use super::failure::failed;
use crate::{Projection, StoreError};

/// A version of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) projection: Projection,
    pub(super) version: i32,
}

/// An active version, and how far it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Active {
    pub(super) target: Target,
    pub(super) position: u64,
}

impl Target {
    /// The table of its rows.
    pub(super) fn table(self) -> String {
        format!("read_models.{}_v{}", self.projection, self.version)
    }

    /// The table of the sessions that run, of the parties' projection.
    pub(super) fn running(self) -> String {
        format!("{}_running", self.table())
    }

    /// Its tables, each with the columns of its key.
    fn keys(self) -> Vec<(String, &'static str)> {
        match self.projection {
            Projection::Parties => vec![(self.table(), "id"), (self.running(), "id")],
            Projection::Timeline => vec![(self.table(), "id, position")],
            Projection::Accounts | Projection::Keys | Projection::Sessions => {
                vec![(self.table(), "id")]
            }
        }
    }

    /// The version as queries tell it.
    pub(super) fn number(self) -> u32 {
        self.version.unsigned_abs()
    }

    /// The error that says that it is not active any more.
    pub(super) fn replaced(self) -> StoreError {
        StoreError::Replaced {
            projection: self.projection,
            version: self.number(),
        }
    }
}

/// All active versions, as of one moment.
pub(super) async fn active(pool: &PgPool) -> Result<Vec<Active>, StoreError> {
    let rows = sqlx::query(
        "SELECT projection, version, position FROM read_models.versions WHERE state = 'active'",
    );
    let rows = rows.fetch_all(pool).await;
    let rows = rows.map_err(failed("reading the active versions"))?;
    let mut found = vec![];
    for row in rows {
        // A projection that a newer program added is none of ours.
        let Ok(projection) = row.get::<&str, _>(0).parse() else {
            continue;
        };
        let version = row.get(1);
        found.push(Active {
            target: Target {
                projection,
                version,
            },
            position: row.get::<i64, _>(2).unsigned_abs(),
        });
    }
    Ok(found)
}

/// Locks the active version until the transaction ends: nobody advances it.
pub(super) async fn lock_active(
    connection: &mut PgConnection,
    projection: Projection,
) -> Result<Active, StoreError> {
    let row = sqlx::query(
        "SELECT version, position FROM read_models.versions
         WHERE projection = $1 AND state = 'active' FOR UPDATE",
    );
    let row = row.bind(projection.name()).fetch_one(connection).await;
    let row = row.map_err(failed("locking the active version"))?;
    Ok(Active {
        target: Target {
            projection,
            version: row.get(0),
        },
        position: row.get::<i64, _>(1).unsigned_abs(),
    })
}

/// What a version is made for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To become the active one, or to be compared with it.
    Building,
    /// To show the past.
    Past,
}

/// Makes the next version, with empty tables that are without even their keys: those
/// are made by [`make_key`], at once for all rows.
pub(super) async fn create(
    pool: &PgPool,
    projection: Projection,
    purpose: Purpose,
) -> Result<Target, StoreError> {
    let failed = failed("making a version");
    let mut transaction = pool.begin().await.map_err(&failed)?;
    let version = sqlx::query_scalar(
        "INSERT INTO read_models.versions (projection, version, state)
         SELECT $1, max(version) + 1, $2 FROM read_models.versions WHERE projection = $1
         RETURNING version",
    );
    let version: i32 = version
        .bind(projection.name())
        .bind(match purpose {
            Purpose::Building => "building",
            Purpose::Past => "past",
        })
        .fetch_one(&mut *transaction)
        .await
        .map_err(&failed)?;
    sqlx::query("SELECT read_models.create_tables($1, $2)")
        .bind(projection.name())
        .bind(version)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
    let target = Target {
        projection,
        version,
    };
    for (table, _) in target.keys() {
        let (_, name) = table.rsplit_once('.').unwrap_or_default();
        let sql = format!("ALTER TABLE {table} DROP CONSTRAINT {name}_pkey");
        let dropped = sqlx::query(&sql).execute(&mut *transaction).await;
        dropped.map_err(&failed)?;
    }
    transaction.commit().await.map_err(&failed)?;
    Ok(target)
}

/// Makes the keys by which rows are found.
pub(super) async fn make_key(pool: &PgPool, target: Target) -> Result<(), StoreError> {
    for (table, columns) in target.keys() {
        let sql = format!("ALTER TABLE {table} ADD PRIMARY KEY ({columns})");
        let made = sqlx::query(&sql).execute(pool).await;
        made.map_err(failed("making the keys of a version"))?;
    }
    Ok(())
}

/// Makes the indexes that queries need, and has the planner know what is in them. Of
/// what is only found by its key it learns in time from the server itself.
pub(super) async fn index(pool: &PgPool, target: Target) -> Result<(), StoreError> {
    let failed = failed("making the indexes of a version");
    sqlx::query("SELECT read_models.create_indexes($1, $2)")
        .bind(target.projection.name())
        .bind(target.version)
        .execute(pool)
        .await
        .map_err(&failed)?;
    let columns = match target.projection {
        Projection::Accounts => "created_position, username, email, status",
        Projection::Keys => "created_position, account_id, status",
        Projection::Sessions => "created_position, account_id, key_id, status",
        Projection::Parties | Projection::Timeline => return Ok(()),
    };
    sqlx::query(&format!("ANALYZE {} ({columns})", target.table()))
        .execute(pool)
        .await
        .map_err(&failed)?;
    Ok(())
}

/// Makes a version the active one, in place of another.
pub(super) async fn swap(
    connection: &mut PgConnection,
    old: Target,
    new: Target,
) -> Result<(), StoreError> {
    let failed = failed("swapping versions");
    for (target, change) in [
        (old, "state = 'retired', retired_at = clock_timestamp()"),
        (new, "state = 'active', activated_at = clock_timestamp()"),
    ] {
        let sql = format!(
            "UPDATE read_models.versions SET {change} WHERE projection = $1 AND version = $2"
        );
        sqlx::query(&sql)
            .bind(target.projection.name())
            .bind(target.version)
            .execute(&mut *connection)
            .await
            .map_err(&failed)?;
    }
    Ok(())
}

/// Which versions are of no use any more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leftover {
    /// What a rebuild or verification that was killed left behind.
    Building,
    /// What has been retired for so many seconds.
    Retired(f64),
}

/// Drops the versions that are of no use any more. A table that somebody reads all
/// the time stays for the next time.
pub(super) async fn drop_leftovers(pool: &PgPool, which: Leftover) -> Result<(), StoreError> {
    let (state, age) = match which {
        Leftover::Building => ("building", 0.0),
        Leftover::Retired(age) => ("retired", age),
    };
    let rows = sqlx::query(
        "SELECT projection, version FROM read_models.versions
         WHERE state = $1
           AND coalesce(retired_at, created_at) <= clock_timestamp() - make_interval(secs => $2)",
    );
    let rows = rows.bind(state).bind(age).fetch_all(pool).await;
    for row in rows.map_err(failed("looking for old versions"))? {
        drop_version(pool, row.get(0), row.get(1)).await?;
    }
    Ok(())
}

/// Drops a version and its tables.
pub(super) async fn drop_version(
    pool: &PgPool,
    projection: &str,
    version: i32,
) -> Result<(), StoreError> {
    let failed = failed("dropping a version");
    let mut transaction = pool.begin().await.map_err(&failed)?;
    sqlx::query("SET LOCAL lock_timeout = '5s'")
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
    for sql in [
        "SELECT read_models.drop_tables($1, $2)",
        "DELETE FROM read_models.versions WHERE projection = $1 AND version = $2",
    ] {
        sqlx::query(sql)
            .bind(projection)
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
    }
    transaction.commit().await.map_err(&failed)
}
