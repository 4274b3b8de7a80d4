//! A database of a test's own, in a server that others use too.

use anyhow::{Context, Result};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// An empty database. It stays until its server is stopped.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its URL.
    pub url: String,
}

/// Makes an empty database in the server that tests share.
///
/// # Panics
/// When `DATABASE_URL` is not set (run the tests by `scripts/test`), or the server
/// makes no database.
pub async fn database() -> Database {
    let server = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL names the test server: run scripts/test");
    database_in(&server).await.expect("a database")
}

/// Makes an empty database in the server that `url` leads to.
///
/// # Errors
/// When it cannot be reached, or does not let this user make databases.
#[expect(clippy::disallowed_methods, reason = "a name that nobody else has")]
pub async fn database_in(url: &str) -> Result<Database> {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut server = PgConnection::connect(url).await.context("the server")?;
    sqlx::query(&format!("CREATE DATABASE {name}"))
        .execute(&mut server)
        .await
        .context("a database")?;
    server.close().await?;
    let (base, options) = url
        .split_once('?')
        .map_or((url, ""), |(base, it)| (base, it));
    let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("?{options}")
    };
    Ok(Database {
        url: format!("{base}/{name}{options}"),
    })
}

/// Runs a query whose rows are one text each.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn query(url: &str, sql: &str) -> Result<Vec<String>> {
    let mut server = PgConnection::connect(url).await.context("the server")?;
    let rows = sqlx::query_scalar(sql).fetch_all(&mut server).await?;
    server.close().await?;
    Ok(rows)
}
