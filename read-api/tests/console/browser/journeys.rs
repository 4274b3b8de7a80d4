//! What people do: with the keyboard, without script, and while something happens.

use countersign_domain::session::{SessionEvent, SessionKind};

use super::Site;
use super::chromium::Chromium;
use crate::world::session;

const FOCUSED: &str = "document.activeElement";

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_used_with_the_keyboard() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    chromium.open(&site.url("/console/sessions")).await;
    // The first stop leads past the navigation, and can be seen.
    chromium.press("Tab").await;
    let skip =
        format!("{FOCUSED}.className === 'skip' && {FOCUSED}.getBoundingClientRect().top >= 0");
    assert_eq!(chromium.evaluate(&skip).await, true);
    chromium.press("Enter").await;
    chromium.until(&format!("{FOCUSED}.id === 'main'")).await;
    // Rows, up and down.
    let row = format!(
        "[...document.querySelectorAll('tbody tr')].findIndex(row => row.contains({FOCUSED}))"
    );
    for (key, at) in [("j", 0), ("j", 1), ("j", 2), ("k", 1)] {
        chromium.press(key).await;
        assert_eq!(chromium.evaluate(&row).await, at, "{key}");
    }
    let outline = format!("getComputedStyle({FOCUSED}).outlineStyle");
    assert_eq!(chromium.evaluate(&outline).await, "solid");
    // The filter, and letters in it are letters.
    chromium.press("/").await;
    let name = format!("{FOCUSED}.name");
    assert_eq!(chromium.evaluate(&name).await, "status");
    for _ in 0..2 {
        chromium.press("Tab").await;
    }
    assert_eq!(chromium.evaluate(&name).await, "account");
    chromium.press("j").await;
    assert_eq!(chromium.evaluate(&format!("{FOCUSED}.value")).await, "j");
    // Help comes and goes.
    chromium.evaluate(&format!("{FOCUSED}.blur()")).await;
    chromium.press("?").await;
    assert_eq!(
        chromium
            .evaluate("document.getElementById('help').open")
            .await,
        true
    );
    chromium.press("Escape").await;
    chromium
        .until("!document.getElementById('help').open")
        .await;
    // A row is opened.
    chromium.press("j").await;
    chromium.until(&format!("{FOCUSED}.tagName === 'A'")).await;
    chromium.press("Enter").await;
    chromium
        .arrives(&format!("/console/sessions/{}", session(21)))
        .await;
    assert!(chromium.complaints().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_live_refresh_works_without_script() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    chromium.scripts(false).await;
    chromium.open(&site.url("/console/sessions")).await;
    let text = chromium.evaluate("document.body.innerText").await;
    let text = text.as_str().expect("text");
    assert!(
        text.contains("Without script nothing is missing but live refresh."),
        "{text}"
    );
    assert_eq!(
        chromium
            .evaluate("document.querySelector('button.copy')")
            .await,
        serde_json::Value::Null
    );
    // A filter is filled in and sent by the keyboard alone.
    chromium
        .evaluate("document.querySelector('[name=account]').focus()")
        .await;
    chromium.write("no-id").await;
    chromium.press("Enter").await;
    chromium
        .until("location.search.includes('account=no-id') && document.readyState === 'complete'")
        .await;
    let text = chromium
        .evaluate("document.querySelector('main').innerText")
        .await;
    assert!(
        text.as_str()
            .expect("text")
            .contains("`account` must be a UUID"),
        "{text}"
    );
    // A link is followed.
    chromium
        .evaluate("document.querySelector('.places li:nth-child(6) a').focus()")
        .await;
    chromium.press("Enter").await;
    chromium.arrives("/console/events").await;
    assert_eq!(
        chromium
            .evaluate("document.querySelector('h1').innerText")
            .await,
        "Events"
    );
    // That a page was refused with 400 is told, and nothing else.
    let complaints = chromium.complaints().await;
    assert!(complaints.len() <= 1, "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_shows_a_new_session_by_itself_and_keeps_the_focus() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    chromium.open(&site.url("/console/")).await;
    chromium
        .until("document.getElementById('heard').dataset.state === 'live'")
        .await;
    let link = format!("a[href='/console/sessions/{}']", session(30));
    let there = format!("document.querySelector(\"#open {link}\") !== null");
    assert_eq!(chromium.evaluate(&there).await, false);
    chromium.press("j").await;
    let focused = chromium.evaluate(&format!("{FOCUSED}.href")).await;
    assert!(
        focused
            .as_str()
            .expect("a link")
            .contains("/console/sessions/"),
        "{focused}"
    );
    let world = &site.world;
    world.create(380_000, 30, SessionKind::Sign, &[1, 2]).await;
    chromium.until(&there).await;
    chromium
        .until("document.getElementById('said').textContent.startsWith('Updated: position ')")
        .await;
    assert_eq!(chromium.evaluate(&format!("{FOCUSED}.href")).await, focused);
    // And that it is over.
    world
        .say(381_000, 30, &SessionEvent::SessionExpired {})
        .await;
    let over = format!(
        "document.querySelector(\"#latest {link}\")?.closest('tr').innerText.includes('expired')"
    );
    chromium.until(&over).await;
    assert_eq!(chromium.evaluate(&there).await, false);
    assert!(chromium.complaints().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_follows_the_system_until_one_is_chosen() {
    let site = Site::start().await;
    let mut chromium = Chromium::start().await;
    let ground = "getComputedStyle(document.documentElement).colorScheme";
    for scheme in ["dark", "light"] {
        chromium.prefer(scheme).await;
        chromium.open(&site.url("/console/keys")).await;
        assert_eq!(chromium.evaluate(ground).await, scheme);
    }
    chromium
        .evaluate("document.getElementById('theme').click()")
        .await;
    assert_eq!(chromium.evaluate(ground).await, "dark");
    chromium.open(&site.url("/console/audit")).await;
    assert_eq!(chromium.evaluate(ground).await, "dark");
    assert_eq!(
        chromium
            .evaluate("document.getElementById('theme').textContent")
            .await,
        "Light"
    );
}
