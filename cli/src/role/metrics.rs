//! What monitoring reads of a role: `/metrics`, `/healthz` and `/readyz`.

mod process;

use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use super::health::Health;
use crate::config::Role;
use crate::failure::{Failure, Outcome};

/// How often what was measured is summed up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of times, in seconds: from a lookup in memory to a key generation.
const SECONDS: [f64; 16] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    120.0,
];

/// Bounds of how many appends are written together.
const APPENDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Begins to measure, and the endpoints that tell.
pub(super) fn router(role: Role, health: Health) -> Outcome<Router> {
    let handle = builder()?.install_recorder().map_err(Failure::internal)?;
    describe();
    metrics::gauge!(
        "countersign_build_info",
        "role" => role.to_string(),
        "version" => env!("CARGO_PKG_VERSION")
    )
    .set(1.0);
    let upkeep = handle.clone();
    // It goes on to the very end, so that it keeps nobody from ending.
    drop(tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    }));
    Ok(endpoints(handle, health))
}

fn builder() -> Outcome<PrometheusBuilder> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_appends".to_owned()), &APPENDS))
        .map_err(Failure::internal)
}

fn endpoints(handle: PrometheusHandle, health: Health) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(move || async move {
                process::measure();
                let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
                (kind, handle.render()).into_response()
            }),
        )
        .route(
            "/healthz",
            get(|| async { axum::Json(json!({ "status": "ok" })) }),
        )
        .route("/readyz", get(move || async move { health.readyz() }))
}

fn describe() {
    metrics::describe_gauge!(
        "countersign_build_info",
        "1, with the role and the version of this process."
    );
    process::describe();
    countersign_event_store::metrics::describe();
    countersign_audit::metrics::describe();
    countersign_messaging::metrics::describe();
    countersign_commands::metrics::describe();
    countersign_projections::metrics::describe();
    countersign_read_api::metrics::describe();
    countersign_parties::metrics::describe();
    countersign_webhooks::metrics::describe();
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_measured_is_told_in_the_format_of_prometheus() {
        let recorder = builder().expect("bounds").build_recorder();
        let router = endpoints(recorder.handle(), Health::default());
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!("countersign_append_seconds").record(0.003);
            metrics::gauge!("countersign_log_head_position").set(7.0);
        });
        let request = Request::get("/metrics").body(Body::empty()).expect("one");
        let Ok(response) = router.oneshot(request).await;
        assert_eq!(response.status(), 200);
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("it");
        let text = String::from_utf8(body.to_vec()).expect("text");
        for line in [
            "# TYPE countersign_append_seconds histogram",
            "countersign_append_seconds_bucket{le=\"0.005\"} 1",
            "countersign_append_seconds_bucket{le=\"0.0025\"} 0",
            "countersign_log_head_position 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        let help = "# HELP countersign_append_seconds ";
        assert!(text.contains(help), "{text}");
    }
}
