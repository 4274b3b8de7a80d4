//! HTTP listeners.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Outcome};

/// Listens, or says which field of the configuration names another address.
pub(super) async fn listen(address: SocketAddr, field: &str) -> Outcome<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::usage(format!(
            "cannot listen on {address} ({error}): set another {field}"
        ))
    })
}

/// Serves until `stop`; then what is being answered is answered to its end.
pub(super) fn serve(
    tasks: &mut JoinSet<Outcome>,
    stop: &CancellationToken,
    listener: TcpListener,
    router: Router,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await
            .map_err(Failure::internal)
    });
}
