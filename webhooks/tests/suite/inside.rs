//! A webhook reaches nothing inside.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_webhooks::{
    NewWebhook, Policy, Resolve, SendSettings, UrlRefused, WebhookError, parse_network,
};

use crate::receiver::Receiver;
use crate::world::{World, local};

/// Answers with these addresses, one list after the other; the last stays.
#[derive(Debug)]
pub(crate) struct Answers(Mutex<VecDeque<Vec<IpAddr>>>);

impl Answers {
    pub(crate) fn new(lists: &[&[&str]]) -> Arc<Self> {
        let list = |list: &&[&str]| list.iter().map(|it| it.parse().expect("one")).collect();
        Arc::new(Self(Mutex::new(lists.iter().map(list).collect())))
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut lists = self.0.lock().expect("no panic");
        let next = match lists.len() {
            0 => return Err(io::Error::other("no such host")),
            1 => lists[0].clone(),
            _ => lists.pop_front().expect("one"),
        };
        Ok(next)
    }
}

#[test]
fn no_way_to_write_an_address_inside_is_let_through() {
    let policy = Policy::default();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:10::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ] {
        let refused = policy.target(&format!("https://{host}/"));
        let inside = matches!(refused, Err(UrlRefused::Inside { .. }));
        assert!(inside, "{host}: {refused:?}");
    }
}

#[test]
fn what_is_public_is_let_through() {
    let policy = Policy::default();
    for host in [
        "example.com",
        "example.com.",
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "[2606:4700:4700::1111]",
        "[2a00:1450::1]",
        "[2001:4860:4860::8888]",
        "[::ffff:8.8.8.8]",
    ] {
        let target = policy.target(&format!("https://{host}/hook?a=b"));
        let target = target.unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!(target.path(), "/hook?a=b");
        assert_eq!(target.port, 443);
    }
}

#[test]
fn urls_that_are_none_or_more_than_that_are_refused() {
    let policy = Policy::default();
    let refused = |url: &str| policy.target(url).expect_err("refused");
    assert_eq!(refused("http://example.com/"), UrlRefused::Scheme);
    for scheme in ["ftp", "file", "gopher", "javascript"] {
        assert_eq!(
            refused(&format!("{scheme}://example.com/")),
            UrlRefused::Scheme
        );
    }
    assert_eq!(refused("https://a@example.com/"), UrlRefused::Credentials);
    assert_eq!(refused("https://:b@example.com/"), UrlRefused::Credentials);
    assert_eq!(refused("https://example.com/#a"), UrlRefused::Fragment);
    assert_eq!(refused("https://example.com:8443/"), UrlRefused::Port(8443));
    assert_eq!(refused("https://example.com:80/"), UrlRefused::Port(80));
    let long = format!("https://example.com/{}", "a".repeat(3000));
    assert_eq!(refused(&long), UrlRefused::TooLong);
    for url in [
        "",
        "example.com",
        "https://",
        "https://exa mple.com",
        "https://[::1",
    ] {
        let malformed = matches!(refused(url), UrlRefused::Malformed(_));
        assert!(malformed, "{url}: {:?}", refused(url));
    }
}

#[test]
fn a_network_that_is_named_is_open_and_no_other() {
    let policy = Policy {
        allow_networks: vec![parse_network("10.1.0.0/16").expect("one")],
        ..Policy::default()
    };
    let permits = |text: &str| policy.permits(text.parse().expect("one")).is_ok();
    assert!(permits("10.1.2.3") && permits("::ffff:10.1.2.3"));
    assert!(!permits("10.2.0.1") && !permits("127.0.0.1") && !permits("::1"));
    assert!(parse_network("everything").is_err());
}

async fn refused(resolver: Arc<dyn Resolve>, url: &str) -> UrlRefused {
    let mut world = World::new().await;
    world.send = SendSettings {
        resolver,
        ..SendSettings::default()
    };
    let new = NewWebhook {
        url: url.to_owned(),
        ..NewWebhook::default()
    };
    match world.webhooks("a").create(new).await {
        Err(WebhookError::Url(refused)) => refused,
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn names_are_judged_by_what_they_mean() {
    let public = || Answers::new(&[&["8.8.8.8"]]);
    for url in [
        "https://localhost/",
        "https://localhost./",
        "https://a.LocalHost/",
    ] {
        let refused = refused(public(), url).await;
        assert!(
            matches!(refused, UrlRefused::Inside { .. }),
            "{url}: {refused}"
        );
    }
    // One address inside among several spoils all of them.
    for means in [
        &["10.0.0.1"][..],
        &["8.8.8.8", "10.0.0.1"],
        &["::ffff:10.0.0.1"],
    ] {
        let refused = refused(Answers::new(&[means]), "https://example.com/").await;
        let inside = matches!(refused, UrlRefused::Inside { .. });
        assert!(inside, "{means:?}: {refused}");
    }
    let refused = refused(Answers::new(&[]), "https://example.com/").await;
    assert!(matches!(refused, UrlRefused::NoAddress { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_means_something_else_by_then_is_not_dialled() {
    let receiver = Receiver::new([]).await;
    let port = receiver.url.split([':', '/']).nth(4).expect("a port");
    let mut world = World::new().await;
    // Public when it is checked, and inside when it is dialled.
    world.send = SendSettings {
        policy: Policy {
            allow_networks: vec![],
            ..local().policy
        },
        resolver: Answers::new(&[&["8.8.8.8"], &["127.0.0.1"]]),
        ..local()
    };
    let running = world.run("a");
    let (id, _) = running.add(&format!("http://example.com:{port}/")).await;
    world.append(1, &["SessionCreated"]).await;
    let status = running
        .until(id, |it| it.subscription.pending.is_some())
        .await;
    let said = status.subscription.last_error.expect("an error").detail;
    assert!(
        said.contains("127.0.0.1") && said.contains("loopback"),
        "{said}"
    );
    let tried = running.webhooks.test(id).await.expect("tried");
    assert!(!tried.delivered, "{tried:?}");
    assert!(receiver.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_became_stricter_hold_for_what_is_there() {
    let receiver = Receiver::new([]).await;
    let mut world = World::new().await;
    let (id, _) = world.run("a").add(&receiver.url).await;
    world.send.policy.allow_http = false;
    let tried = world.webhooks("b").test(id).await.expect("tried");
    let said = tried.error.expect("an error");
    assert!(said.contains("https://"), "{said}");
    assert!(receiver.received().is_empty());
}
