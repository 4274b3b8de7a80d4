//! Every page in both themes: nothing is complained about, and nothing stands in the
//! way of people who use a screen reader, a keyboard or a small screen.

use serde_json::Value;

use super::Site;
use super::chromium::Chromium;
use crate::shared::support::seed::account_id;
use crate::world::{key, session};

const AUDIT: &str = include_str!("audit.js");

fn pages() -> Vec<String> {
    let mut all: Vec<String> = [
        "", "sessions", "keys", "accounts", "parties", "events", "audit",
    ]
    .map(|page| format!("/console/{page}"))
    .into();
    all.push("/console/events/30".into());
    all.push("/console/sessions?status=failed".into());
    all.push("/console/sessions?key=nothing".into());
    for number in [2, 15, 16, 18, 20, 21] {
        all.push(format!("/console/sessions/{}", session(number)));
    }
    all.push(format!("/console/keys/{}", key(1)));
    all.push(format!("/console/accounts/{}", account_id(1)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_clean_and_accessible_in_both_themes() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    for scheme in ["light", "dark"] {
        chromium.prefer(scheme).await;
        for page in pages() {
            chromium.open(&site.url(&page)).await;
            let refused = page.ends_with("nothing");
            let complaints = chromium.complaints().await;
            // A page with the status 400 is told of, and is all that may be.
            assert!(
                complaints.len() <= usize::from(refused),
                "{page}: {complaints:#?}"
            );
            let wrong = chromium.evaluate(AUDIT).await;
            assert_eq!(wrong, Value::Array(vec![]), "{scheme} {page}");
            let scheme_of = "getComputedStyle(document.documentElement).colorScheme";
            assert_eq!(chromium.evaluate(scheme_of).await, scheme, "{page}");
            // What a screen reader is told of.
            for node in chromium.accessible().await {
                let role = node["role"]["value"].as_str().unwrap_or_default();
                let name = node["name"]["value"].as_str().unwrap_or_default();
                if ["link", "button", "textbox", "combobox", "image", "region"].contains(&role) {
                    assert_ne!(name.trim(), "", "{page}: {node}");
                }
            }
        }
    }
}

/// What sticks out at the right, outside of what scrolls by itself.
const TOO_WIDE: &str = "[...document.querySelectorAll('body *')]\
    .filter(it => it.getBoundingClientRect().right > 320 && !it.parentElement.closest('.scroll'))\
    .map(it => it.outerHTML.slice(0, 80)).slice(0, 5)";

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_a_width_of_320_pixels() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    chromium.size(320, 640).await;
    for page in pages() {
        chromium.open(&site.url(&page)).await;
        let width = "document.documentElement.scrollWidth";
        let wide = chromium.evaluate(TOO_WIDE).await;
        assert_eq!(chromium.evaluate(width).await, 320, "{page}: {wide}");
    }
}

impl Chromium {
    /// The nodes of the accessibility tree that are not passed over.
    async fn accessible(&mut self) -> Vec<Value> {
        let tree = self.call(
            "Accessibility.getFullAXTree",
            Value::Object(serde_json::Map::new()),
        );
        let tree = tree.await;
        let nodes = tree["nodes"].as_array().expect("nodes");
        let told = nodes.iter().filter(|node| node["ignored"] != true);
        told.cloned().collect()
    }
}
