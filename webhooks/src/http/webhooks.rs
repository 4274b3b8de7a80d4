//! `/v1/webhooks` and what is below it, apart from dead letters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Duration;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Fields, Id, Query};
use super::view;
use crate::service::{Attempted, NewWebhook, WebhookChange, Webhooks};

/// How long the secret before signs beside a new one, in seconds, unless told
/// otherwise: a day.
const GRACE: u64 = 86_400;

/// The longest that it can be told to: a week.
const MAX_GRACE: u64 = 7 * 86_400;

type Api = State<Arc<Webhooks>>;

pub(super) async fn create(State(api): Api, mut fields: Fields) -> Result<Response, Problem> {
    let new = NewWebhook {
        id: fields.id("webhook_id")?,
        url: fields.required_text("url")?,
        filter: fields.filter()?.unwrap_or_default(),
        from: fields.number("from", 1, u64::MAX)?,
    };
    fields.nothing_else()?;
    let (status, secret) = api.create(new).await?;
    let location = format!("/v1/webhooks/{}", status.subscription.id);
    let mut body = view::webhook(&status);
    let code = match secret {
        Some(secret) => {
            body["secret"] = secret.as_str().into();
            StatusCode::CREATED
        }
        None => StatusCode::OK,
    };
    let headers = [(header::LOCATION, location)];
    Ok((code, headers, Json(body)).into_response())
}

pub(super) async fn list(State(api): Api, query: Query) -> Result<Json<Value>, Problem> {
    query.nothing_else()?;
    let all = api.list().await?;
    let items: Vec<_> = all.iter().map(view::webhook).collect();
    Ok(Json(json!({ "items": items })))
}

pub(super) async fn get(State(api): Api, Id(id): Id) -> Result<Json<Value>, Problem> {
    Ok(Json(view::webhook(&api.get(id).await?)))
}

pub(super) async fn change(
    State(api): Api,
    Id(id): Id,
    mut fields: Fields,
) -> Result<Json<Value>, Problem> {
    let changes = WebhookChange {
        url: fields.text("url")?,
        filter: fields.filter()?,
        active: match fields.text("state")?.as_deref() {
            None => None,
            Some("active") => Some(true),
            Some("paused") => Some(false),
            Some(_) => return Err(Problem::invalid("state", "must be `active` or `paused`")),
        },
    };
    fields.nothing_else()?;
    Ok(Json(view::webhook(&api.change(id, &changes).await?)))
}

pub(super) async fn remove(State(api): Api, Id(id): Id) -> Result<StatusCode, Problem> {
    api.remove(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn rotate(
    State(api): Api,
    Id(id): Id,
    mut fields: Fields,
) -> Result<Json<Value>, Problem> {
    let grace = fields.number("grace_seconds", 0, MAX_GRACE)?;
    fields.nothing_else()?;
    let grace = i64::try_from(grace.unwrap_or(GRACE)).unwrap_or(0);
    let (status, secret) = api.rotate_secret(id, Duration::seconds(grace)).await?;
    let mut body = view::webhook(&status);
    body["secret"] = secret.as_str().into();
    Ok(Json(body))
}

pub(super) async fn replay(
    State(api): Api,
    Id(id): Id,
    mut fields: Fields,
) -> Result<Json<Value>, Problem> {
    let from = fields.required_number("from", 1)?;
    fields.nothing_else()?;
    Ok(Json(view::webhook(&api.replay(id, from).await?)))
}

pub(super) async fn test(
    State(api): Api,
    Id(id): Id,
    fields: Fields,
) -> Result<Json<Attempted>, Problem> {
    fields.nothing_else()?;
    Ok(Json(api.test(id).await?))
}
