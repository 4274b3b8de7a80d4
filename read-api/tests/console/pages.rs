//! Every page: what it shows, what it tells browsers, where its links lead.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::shared::support::seed::account_id;
use crate::world::{SESSIONS, World, key, session};

/// The pages, each with something that only it has.
fn pages() -> Vec<(String, &'static str)> {
    vec![
        ("/console/".into(), "<h1>Overview</h1>"),
        ("/console/sessions".into(), "<h1>Sessions</h1>"),
        (
            format!("/console/sessions/{}", session(15)),
            "Course of the session",
        ),
        ("/console/keys".into(), "<h1>Keys</h1>"),
        (
            format!("/console/keys/{}", key(1)),
            "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        ),
        ("/console/accounts".into(), "<h1>Accounts</h1>"),
        (
            format!("/console/accounts/{}", account_id(1)),
            "ops@northwind-treasury.example",
        ),
        ("/console/parties".into(), "<h1>Parties</h1>"),
        ("/console/events".into(), "<h1>Events</h1>"),
        ("/console/events/1".into(), "Event 1: AccountRegistered"),
        ("/console/audit".into(), "<h1>Audit</h1>"),
    ]
}

#[tokio::test]
async fn every_page_is_there_with_the_headers_that_keep_it_safe() {
    let world = World::demo().await;
    for (path, own) in pages() {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text.contains(own), "{path}: {}", answer.text);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        assert_ne!(answer.header("countersign-position"), "", "{path}");
        let text = &answer.text;
        assert_eq!(text.matches("<h1").count(), 1, "{path}");
        for landmark in [
            "<main",
            "<nav class=\"places\"",
            "<footer",
            "class=\"skip\"",
        ] {
            assert!(text.contains(landmark), "{path}: {landmark}");
        }
        for inline in [
            " style=",
            "<style",
            " onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            let known = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!known.contains(inline), "{path}: {inline}");
        }
        // Every column has a name, and every script is a file.
        assert_eq!(text.matches("<th>").count(), 0, "{path}");
        assert_eq!(
            text.matches("<script").count(),
            text.matches("<script src").count()
        );
    }
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let world = World::demo().await;
    let mut waiting = vec!["/console/".to_owned()];
    let mut seen: BTreeMap<String, StatusCode> = BTreeMap::new();
    while let Some(path) = waiting.pop() {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        seen.insert(path.clone(), answer.status);
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        let ids: BTreeSet<&str> = attributes(&answer.text, " id=\"").collect();
        let links = attributes(&answer.text, " href=\"").chain(attributes(&answer.text, " src=\""));
        for link in links {
            let link = link.replace("&amp;", "&");
            match link.strip_prefix('#') {
                Some(id) => assert!(ids.contains(id), "{path}: #{id}"),
                None => {
                    assert!(link.starts_with("/console/"), "{path}: {link}");
                    if !seen.contains_key(&link) && !waiting.contains(&link) {
                        waiting.push(link);
                    }
                }
            }
        }
        // Followed parts are found again by their ids, which are unique.
        let count = attributes(&answer.text, " id=\"").count();
        assert_eq!(count, ids.len(), "{path}: an id is there twice");
    }
    // Whatever there is can be reached from the overview.
    for (path, _) in pages() {
        assert!(seen.contains_key(&path), "{path} is not reached");
    }
    let of_sessions = |path: &&String| path.starts_with("/console/sessions/");
    assert_eq!(seen.keys().filter(of_sessions).count(), SESSIONS);
}

#[tokio::test]
async fn the_overview_tells_what_goes_on_and_how_far_everything_is() {
    let world = World::demo().await;
    let page = world.page("/console/").await;
    assert!(
        page.contains("0 created, 1 waiting, 1 in progress"),
        "{page}"
    );
    for (count, how) in [
        (15, "completed"),
        (1, "failed"),
        (1, "expired"),
        (1, "cancelled"),
        (2, "open"),
    ] {
        // The session that was tried twice has completed too; keys are made by sessions.
        let count = if how == "completed" { count + 1 } else { count };
        assert!(
            page.contains(&format!("</svg>{count} {how}")),
            "{how}: {page}"
        );
    }
    assert_eq!(
        page.matches("up to date").count(),
        2,
        "read models and relay: {page}"
    );
    assert!(page.contains("3<small> of 3</small>"), "{page}");
    // A relay that stands still, and a party that falls silent.
    let head = world.page("/console/events").await;
    let head = number_after(&head, "the log ends at ");
    world.relayed.send_replace(head - 5);
    world.clock(371_520 + 60_000);
    let page = world.page("/console/").await;
    assert!(page.contains("5<small> events</small>"), "{page}");
    assert!(page.contains("3 away"), "{page}");
}

#[tokio::test]
async fn a_server_that_has_heard_nothing_of_the_relay_says_so() {
    let world = World::empty().await;
    world.register(1, 1, "alice").await;
    world.relayed.send_replace(0);
    world.settle().await;
    let page = world.page("/console/").await;
    assert!(
        page.contains("nothing was heard of the relay yet"),
        "{page}"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_go_on() {
    let world = World::demo().await;
    let page = world
        .page("/console/sessions?status=failed&kind=&account=&key=")
        .await;
    assert!(page.contains(&session(16).to_string()), "{page}");
    assert!(page.contains("1 row here"), "{page}");
    assert!(
        page.contains("<option value=\"failed\" selected>"),
        "{page}"
    );
    let page = world
        .page("/console/accounts?username=NORTHWIND-treasury")
        .await;
    assert!(page.contains("1 row here"), "{page}");
    for number in 100..160 {
        world
            .sign(400_000 + i64::from(number) * 100, number, [1, 2])
            .await;
    }
    world.settle().await;
    let first = world.page("/console/sessions?kind=sign").await;
    assert!(first.contains("50 rows here"), "{first}");
    let next = attributes(&first, "rel=\"next\" href=\"")
        .next()
        .expect("a next page");
    assert!(next.contains("kind=sign&amp;cursor="), "{next}");
    let second = world.page(&next.replace("&amp;", "&")).await;
    assert!(second.contains(&session(109).to_string()), "{second}");
    assert!(!second.contains(&session(110).to_string()));
    assert!(!first.contains(&session(109).to_string()));
    assert!(second.contains("This is the end of the list."), "{second}");
}

#[tokio::test]
async fn the_log_is_browsed_back_and_forward_and_filtered() {
    let world = World::demo().await;
    let newest = world.page("/console/events").await;
    let head = number_after(&newest, "the log ends at ");
    assert_eq!(
        positions(&newest),
        (head - 49..=head).rev().collect::<Vec<_>>()
    );
    let older = attributes(&newest, "rel=\"next\" href=\"")
        .next()
        .expect("older ones");
    assert_eq!(older, format!("/console/events?from={}", head - 50));
    let page = world.page(older).await;
    assert_eq!(positions(&page)[0], head - 50);
    let newer = attributes(&page, "rel=\"prev\" href=\"")
        .next()
        .expect("newer ones");
    let back = world.page(newer).await;
    assert_eq!(positions(&back), positions(&newest));
    let page = world
        .page("/console/events?from=3&type=AccountRegistered")
        .await;
    assert_eq!(positions(&page), [3, 2, 1]);
    assert!(page.contains("of positions 1 to 3"), "{page}");
    let of_session = format!("/console/events?session={}", session(15));
    let page = world.page(&of_session).await;
    assert_eq!(positions(&page).len(), 14);
    let failed = world
        .page(&format!("{of_session}&type=AttemptFailed"))
        .await;
    assert_eq!(positions(&failed).len(), 1);
    assert!(failed.contains("silent in round 2: party-3"), "{failed}");
    let of_account = world
        .page(&format!("/console/events?account={}", account_id(2)))
        .await;
    assert_eq!(positions(&of_account), [2]);
}

#[tokio::test]
async fn an_event_shows_its_bytes_and_its_place_in_the_chain() {
    let world = World::demo().await;
    let of_session = world
        .page(&format!("/console/events?session={}", session(4)))
        .await;
    let chain: Vec<u64> = positions(&of_session).into_iter().rev().collect();
    let second = world.page(&format!("/console/events/{}", chain[1])).await;
    assert!(
        second.contains(&format!("href=\"/console/events/{}\"", chain[0])),
        "{second}"
    );
    assert!(second.contains("whose hash it carries"), "{second}");
    assert!(
        second.contains(&format!("href=\"/console/events/{}\"", chain[2])),
        "{second}"
    );
    assert!(
        second.contains("{&quot;actor&quot;:&quot;party:party-1&quot;"),
        "{second}"
    );
    let first = world.page(&format!("/console/events/{}", chain[0])).await;
    assert!(first.contains("the stream begins here"), "{first}");
}

#[tokio::test]
async fn a_session_is_drawn_and_told_in_tables() {
    let world = World::demo().await;
    let page = world
        .page(&format!("/console/sessions/{}", session(15)))
        .await;
    for told in [
        "Attempt 1, gathering: 900 ms. Attempt 1, rounds: 6.1 s.",
        "silent in round 2",
        "nothing came from party-3 in round 2",
        "<title>party-2, round 1: 800 ms</title>",
        "role=\"img\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let open = world
        .page(&format!("/console/sessions/{}", session(20)))
        .await;
    assert!(open.contains("round 2"), "{open}");
    assert!(open.contains("so far"), "{open}");
}

#[tokio::test]
async fn a_checkpoint_is_compared_with_the_log_and_its_signature_verified() {
    let world = World::empty().await;
    assert!(
        world
            .page("/console/audit")
            .await
            .contains("None was signed yet.")
    );
    for number in 1..=3 {
        let name = format!("alice-{number}");
        world.register(number.into(), number, &name).await;
    }
    let size = world.checkpoint().await;
    assert_eq!(size, 3);
    for number in 4..=5 {
        let name = format!("alice-{number}");
        world.register(number.into(), number, &name).await;
    }
    let page = world.page("/console/audit").await;
    for told in [
        "3 events, 2 behind the head",
        "demo.example/log",
        "verifies</span> under this key",
        "agrees</span>",
        "Nothing on this page is a proof.",
        "countersign audit verify",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert_eq!(world.checkpoint().await, 5);
    let page = world.page("/console/audit").await;
    assert!(page.contains("5 events, all there are"), "{page}");
    assert!(page.contains("agrees</span>"), "{page}");
    // Another log in its place, with a checkpoint of the first.
    let other = World::empty().await;
    for number in 1..=5 {
        let name = format!("mallory-{number}");
        other.register(number.into(), number, &name).await;
    }
    other.adopt(&world).await;
    let page = other.page("/console/audit").await;
    assert!(page.contains("differs</span>"), "{page}");
    assert!(page.contains("verifies</span> under this key"), "{page}");
}

#[tokio::test]
async fn files_are_kept_for_good_under_the_name_of_what_they_hold() {
    let world = World::empty().await;
    let page = world.page("/console/").await;
    let style = attributes(&page, "rel=\"stylesheet\" href=\"")
        .next()
        .expect("a style");
    let answer = world.get(style).await;
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let other = world
        .get("/console/assets/console-0000000000000000.css")
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(other.header("cache-control"), "no-store");
}

#[tokio::test]
async fn people_are_led_to_the_console_and_programs_are_not() {
    let world = World::empty().await;
    let person = world.get("/").await;
    assert_eq!(person.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(person.header("location"), "/console/");
    assert_eq!(world.get("/console").await.header("location"), "/console/");
    let program = Request::get("/").body(Body::empty()).expect("a request");
    let program = world.send(program).await;
    assert_eq!(program.status, StatusCode::NOT_FOUND);
    assert_eq!(program.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let world = World::with(|api| api.with_console(false)).await;
    for path in ["/", "/console", "/console/", "/console/events"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(world.get("/v1/events").await.status, StatusCode::OK);
}

/// The values of an attribute, by what is before them.
fn attributes<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split('"').next())
}

/// The number that follows these words.
fn number_after(text: &str, words: &str) -> u64 {
    let (_, rest) = text.split_once(words).expect("the words");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}

/// Positions of the events that a page lists.
fn positions(page: &str) -> Vec<u64> {
    let rows = attributes(page, "data-row href=\"/console/events/");
    rows.filter_map(|position| position.parse().ok()).collect()
}
