//! Pictures for the documentation, written into the folder that `CONSOLE_SCREENSHOTS`
//! names (`scripts/screenshots` does); without one they are taken and thrown away.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Site;
use super::chromium::Chromium;
use crate::world::{key, session};

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_taken() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    let folder = std::env::var_os("CONSOLE_SCREENSHOTS").map(PathBuf::from);
    let session = format!("/console/sessions/{}", session(15));
    let key = format!("/console/keys/{}", key(1));
    for (name, scheme, path, width, height) in [
        ("overview-light", "light", "/console/", 1280, 920),
        ("overview-dark", "dark", "/console/", 1280, 920),
        ("session-dark", "dark", &session, 1280, 920),
        ("events-light", "light", "/console/events", 1280, 720),
        ("key-dark", "dark", &key, 1280, 720),
        ("narrow-light", "light", "/console/", 360, 720),
    ] {
        chromium.size(width, height).await;
        chromium.prefer(scheme).await;
        chromium.open(&site.url(path)).await;
        let heard = "document.getElementById('heard')?.dataset.state === 'live'";
        chromium.until(heard).await;
        let taken = chromium
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        let data = taken["data"].as_str().expect("a picture");
        let png = STANDARD.decode(data).expect("base64");
        assert!(png.starts_with(b"\x89PNG"), "{name}");
        if let Some(folder) = &folder {
            let file = folder.join(format!("console-{name}.png"));
            std::fs::write(file, png).expect("the folder can be written to");
        }
    }
}
