//! The console in Chromium.

mod audit;
mod chromium;
mod journeys;
mod screenshots;

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::world::World;

/// A world that a browser can reach.
struct Site {
    world: Arc<World>,
    address: String,
}

impl Site {
    async fn start() -> Self {
        let world = World::demo().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = world.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            world: Arc::new(world),
            address: format!("http://{address}"),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}
