//! The sample configuration of a server: everyone can do their job, and no more.

use countersign_messaging::nats::{Credentials, FeedSettings, NatsBus, NatsConfig, NatsFeed};
use countersign_messaging::{Bus as _, EventFeed as _, Headers, Payload, subject};
use countersign_test_servers::Nats;

use crate::support::{PATIENCE, events, next, within};

/// The sample, with passwords, as far as the test server does not say it itself.
fn server() -> Nats {
    let sample = include_str!("../../../deploy/nats.conf");
    let (_, authorization) = sample.split_once("\nauthorization {").unwrap();
    let mut authorization = format!("authorization {{{authorization}");
    while let Some((before, after)) = authorization.split_once("$NATS_") {
        let name = after.find("_PASSWORD").unwrap();
        authorization = format!("{before}\"secret\"{}", &after[name + "_PASSWORD".len()..]);
    }
    Nats::start_with(&authorization).unwrap()
}

async fn role(server: &Nats, name: &str) -> NatsBus {
    let mut config = NatsConfig::new([server.url()]);
    config.inbox_prefix = format!("_INBOX_{name}");
    config.credentials = Credentials::UserPassword {
        user: name.to_owned(),
        password: "secret".into(),
    };
    NatsBus::connect(&config).await.unwrap()
}

async fn say(bus: &NatsBus, subject: &str, text: &'static str) {
    bus.publish(
        subject,
        Payload::from_static(text.as_bytes()),
        Headers::new(),
    )
    .await
    .unwrap();
}

fn party(name: &str) -> countersign_domain::ids::PartyId {
    name.parse().unwrap()
}

#[tokio::test]
async fn every_role_can_do_its_job() {
    let server = server();
    let commands = role(&server, "commands").await;
    let read = role(&server, "read-api").await;
    let projector = role(&server, "projector").await;
    let (alpha, bravo) = (role(&server, "alpha").await, role(&server, "bravo").await);
    let session = countersign_domain::ids::SessionId::default();

    let feed = NatsFeed::open(&commands, FeedSettings::default())
        .await
        .unwrap();
    let follower = NatsFeed::attach(&alpha);
    let subjects = ["SessionStarted", "SessionFailed"];
    let subjects = subjects.map(|name| subject::events("session", name, "*"));
    let mut followed = within(follower.follow("party-alpha", &subjects))
        .await
        .unwrap();
    feed.publish(None, &events(1..=3)).await.unwrap();
    assert_eq!(feed.last().await.unwrap(), Some(3));
    for position in 1..=3 {
        assert_eq!(next(&mut followed).await.headers.position(), Some(position));
    }
    // Also after the events are gone from this process's memory.
    let again = NatsFeed::open(&commands, FeedSettings::default())
        .await
        .unwrap();
    assert_eq!(again.last().await.unwrap(), Some(3));

    let mut requests = commands
        .serve(&subject::session_commands(), "commands")
        .await
        .unwrap();
    let to = subject::session_commands();
    let asked = alpha.request(&to, "join".into(), PATIENCE);
    let answering = async { within(requests.next()).await.unwrap().reply("joined") };
    let (reply, ()) = tokio::join!(within(asked), answering);
    assert_eq!(&reply.unwrap()[..], b"joined");

    let mut invited = alpha
        .subscribe(&subject::invite(&party("alpha")))
        .await
        .unwrap();
    say(&commands, &subject::invite(&party("alpha")), "invited").await;
    assert_eq!(&next(&mut invited).await.payload[..], b"invited");

    let mut frames = bravo
        .subscribe(&subject::mpc_all_of(&party("bravo")))
        .await
        .unwrap();
    say(&alpha, &subject::mpc(session, 1, &party("bravo")), "frame").await;
    assert_eq!(&next(&mut frames).await.payload[..], b"frame");

    for hearer in [&commands, &read] {
        let mut presence = hearer.subscribe(&subject::presence_all()).await.unwrap();
        say(&bravo, &subject::presence(&party("bravo")), "here").await;
        assert_eq!(&next(&mut presence).await.payload[..], b"here");
    }
    let mut progress = read.subscribe(&subject::progress_all()).await.unwrap();
    say(&alpha, &subject::progress(session), "half").await;
    assert_eq!(&next(&mut progress).await.payload[..], b"half");

    for hearer in [&projector, &read] {
        let mut head = hearer.subscribe(&subject::log_head()).await.unwrap();
        say(&commands, &subject::log_head(), "7").await;
        assert_eq!(&next(&mut head).await.payload[..], b"7");
    }
    let mut head = read.subscribe(&subject::relayed_head()).await.unwrap();
    say(&commands, &subject::relayed_head(), "7").await;
    assert_eq!(&next(&mut head).await.payload[..], b"7");
    let mut head = read.subscribe(&subject::projected_head()).await.unwrap();
    say(&projector, &subject::projected_head(), "7").await;
    assert_eq!(&next(&mut head).await.payload[..], b"7");
}

/// Nothing that alpha publishes on these subjects reaches who listens there.
#[tokio::test]
async fn a_party_cannot_speak_for_others() {
    let server = server();
    let alpha = role(&server, "alpha").await;
    let commands = role(&server, "commands").await;
    let feed = NatsFeed::open(&commands, FeedSettings::default())
        .await
        .unwrap();
    let bravo = role(&server, "bravo").await;
    let mut invited = bravo
        .subscribe(&subject::invite(&party("bravo")))
        .await
        .unwrap();
    let mut presence = commands.subscribe(&subject::presence_all()).await.unwrap();
    let mut head = commands.subscribe(&subject::log_head()).await.unwrap();
    for subject in [
        subject::invite(&party("bravo")),
        subject::presence(&party("bravo")),
        subject::log_head(),
        subject::events("session", "SessionStarted", "s"),
        "$JS.API.STREAM.DELETE.CS_EVENTS".to_owned(),
        "$JS.API.STREAM.PURGE.CS_EVENTS".to_owned(),
        "$JS.API.CONSUMER.DELETE.CS_EVENTS.party-bravo".to_owned(),
    ] {
        say(&alpha, &subject, "forged").await;
    }
    // What is refused does not overtake what is allowed.
    say(&alpha, &subject::presence(&party("alpha")), "here").await;
    assert_eq!(&next(&mut presence).await.payload[..], b"here");
    say(&commands, &subject::invite(&party("bravo")), "real").await;
    assert_eq!(&next(&mut invited).await.payload[..], b"real");
    say(&commands, &subject::log_head(), "1").await;
    assert_eq!(&next(&mut head).await.payload[..], b"1");
    assert_eq!(feed.last().await.unwrap(), None);
}

#[tokio::test]
async fn a_party_cannot_read_what_is_for_others() {
    let server = server();
    let (alpha, bravo) = (role(&server, "alpha").await, role(&server, "bravo").await);
    let commands = role(&server, "commands").await;
    let session = countersign_domain::ids::SessionId::default();
    let mut overheard = Vec::new();
    for subject in [
        subject::invite(&party("bravo")),
        "cs.v1.invite.*".to_owned(),
        subject::mpc_all_of(&party("bravo")),
        "cs.v1.>".to_owned(),
        "_INBOX_bravo.>".to_owned(),
        ">".to_owned(),
    ] {
        overheard.push(alpha.subscribe(&subject).await.unwrap());
    }
    let mut mine = bravo
        .subscribe(&subject::invite(&party("bravo")))
        .await
        .unwrap();
    let mut frames = bravo
        .subscribe(&subject::mpc_all_of(&party("bravo")))
        .await
        .unwrap();
    say(&commands, &subject::invite(&party("bravo")), "secret").await;
    say(&commands, &subject::invite(&party("alpha")), "own").await;
    say(&alpha, &subject::mpc(session, 1, &party("bravo")), "frame").await;
    assert_eq!(&next(&mut mine).await.payload[..], b"secret");
    assert_eq!(&next(&mut frames).await.payload[..], b"frame");
    // By now it would have come: what alpha may hear and was sent later has.
    let mut own = alpha
        .subscribe(&subject::invite(&party("alpha")))
        .await
        .unwrap();
    say(&commands, &subject::invite(&party("alpha")), "own").await;
    next(&mut own).await;
    for mut subscription in overheard {
        let heard = tokio::time::timeout(std::time::Duration::ZERO, subscription.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}
