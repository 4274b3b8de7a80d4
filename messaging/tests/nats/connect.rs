//! Connecting: what is wrong is said in words, and nothing secret with it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use countersign_messaging::nats::{ConnectError, Credentials, NatsBus, NatsConfig, Tls};
use countersign_messaging::{Bus as _, BusError, Headers};
use countersign_test_servers::Nats;

use crate::support::{next, within};

const SECRET: &str = "swordfish";
/// Of a user who exists in these tests only.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

async fn failure(config: &NatsConfig) -> ConnectError {
    let error = within(NatsBus::connect(config)).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(SECRET) && !text.contains(SEED), "{text}");
    let BusError::Connection(source) = error else {
        panic!("{error}");
    };
    *source.downcast().unwrap()
}

fn user(password: &str) -> Credentials {
    Credentials::UserPassword {
        user: "alice".to_owned(),
        password: password.into(),
    }
}

#[tokio::test]
async fn wrong_urls() {
    let wrong = [
        "",
        "http://127.0.0.1:4222",
        "nats://alice:swordfish@127.0.0.1:4222",
        "nats://127.0.0.1:port",
        "ws://127.0.0.1",
    ];
    for url in wrong {
        let mut config = NatsConfig::new([url]);
        config.retry_on_initial_connect = true;
        let error = failure(&config).await;
        assert!(matches!(error, ConnectError::Url { .. }), "{url}: {error}");
    }
    let none: [&str; 0] = [];
    let error = failure(&NatsConfig::new(none)).await;
    assert!(matches!(error, ConnectError::Settings(_)), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let mut server = Nats::start().unwrap();
    server.stop();
    let error = failure(&NatsConfig::new([server.url()])).await;
    assert!(matches!(error, ConnectError::Refused(_)), "{error}");
    let error = failure(&NatsConfig::new(["nats://nats.invalid:4222"])).await;
    assert!(matches!(error, ConnectError::Name(_)), "{error}");
    // Something listens, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut config = NatsConfig::new([format!("nats://127.0.0.1:{port}")]);
    config.connect_timeout = Duration::from_millis(100);
    let error = failure(&config).await;
    assert!(matches!(error, ConnectError::Timeout), "{error}");
}

#[tokio::test]
async fn credentials_of_each_kind() {
    let folder = tempfile();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path
    };
    let users = format!(
        "authorization {{ users: [ {{ user: alice, password: {SECRET} }}, {{ nkey: {NKEY} }} ] }}"
    );
    let by_user = Nats::start_with(&users).unwrap();
    let token = format!("authorization {{ token: {SECRET} }}");
    let by_token = Nats::start_with(&token).unwrap();
    let right = [
        (&by_user, user(SECRET)),
        (
            &by_user,
            Credentials::UserPasswordFile {
                user: "alice".to_owned(),
                password_file: file("password", SECRET),
            },
        ),
        (&by_user, Credentials::NkeySeed(SEED.into())),
        (&by_user, Credentials::NkeySeedFile(file("seed", SEED))),
        (&by_token, Credentials::Token(SECRET.into())),
        (&by_token, Credentials::TokenFile(file("token", SECRET))),
    ];
    for (server, credentials) in right {
        let mut config = NatsConfig::new([server.url()]);
        config.credentials = credentials;
        let bus = within(NatsBus::connect(&config)).await.unwrap();
        assert!(bus.is_connected(), "{config:?}");
    }
    let wrong = [
        (&by_user, Credentials::None),
        (&by_user, user("sword")),
        (&by_user, Credentials::NkeySeed("no seed".into())),
        (&by_token, Credentials::Token("sword".into())),
    ];
    for (server, credentials) in wrong {
        let mut config = NatsConfig::new([server.url()]);
        config.credentials = credentials;
        config.retry_on_initial_connect = true;
        let error = failure(&config).await;
        assert!(
            matches!(error, ConnectError::Credentials),
            "{config:?}: {error}"
        );
    }
    let missing = folder.path().join("missing");
    for credentials in [
        Credentials::CredsFile(missing.clone()),
        Credentials::CredsFile(file("creds", SECRET)),
        Credentials::TokenFile(missing),
    ] {
        let mut config = NatsConfig::new([by_user.url()]);
        config.credentials = credentials;
        let error = failure(&config).await;
        assert!(matches!(error, ConnectError::File { .. }), "{error}");
    }
}

#[tokio::test]
async fn tls_in_both_directions() {
    let folder = tempfile();
    let pem = |name: &str| folder.path().join(name);
    authority(folder.path(), "ca");
    authority(folder.path(), "other");
    certificate(folder.path(), "ca", "server");
    certificate(folder.path(), "ca", "client");
    let at = folder.path().display();
    let server = Nats::start_with(&format!(
        "tls {{ cert_file: \"{at}/server.pem\", key_file: \"{at}/server-key.pem\", \
         ca_file: \"{at}/ca.pem\", verify: true }}"
    ))
    .unwrap();
    let mut config = NatsConfig::new([server.url()]);
    config.tls = Tls {
        ca: Some(pem("ca.pem")),
        cert: Some(pem("client.pem")),
        key: Some(pem("client-key.pem")),
        required: true,
    };
    let bus = within(NatsBus::connect(&config)).await.unwrap();
    let mut subscription = bus.subscribe("s").await.unwrap();
    bus.publish("s", "sealed".into(), Headers::new())
        .await
        .unwrap();
    assert_eq!(&next(&mut subscription).await.payload[..], b"sealed");

    let with = |tls: Tls| NatsConfig {
        tls,
        ..config.clone()
    };
    // An authority that did not sign the server's certificate.
    let stranger = Tls {
        ca: Some(pem("other.pem")),
        ..config.tls.clone()
    };
    // No certificate for a server that wants one.
    let nobody = Tls {
        cert: None,
        key: None,
        ..config.tls.clone()
    };
    for tls in [stranger, nobody] {
        let error = failure(&with(tls.clone())).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{tls:?}: {error:?}");
    }
    let half = Tls {
        key: None,
        ..config.tls.clone()
    };
    let error = failure(&with(half)).await;
    assert!(matches!(error, ConnectError::Settings(_)), "{error}");
    let missing = Tls {
        ca: Some(pem("missing.pem")),
        ..config.tls.clone()
    };
    let error = failure(&with(missing)).await;
    assert!(matches!(error, ConnectError::File { .. }), "{error}");

    let plain = Nats::start().unwrap();
    let mut config = with(config.tls.clone());
    config.urls = vec![plain.url()];
    let error = failure(&config).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
}

/// A folder that the server, which is another user, can read.
fn tempfile() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}

fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN={name} -addext basicConstraints=critical,CA:TRUE \
             -keyout {name}-key.pem -out {name}.pem"
        ),
    );
}

fn certificate(folder: &Path, authority: &str, name: &str) {
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} \
             -keyout {name}-key.pem -out {name}.csr"
        ),
    );
    std::fs::write(
        folder.join("extensions"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}-key.pem \
             -CAcreateserial -days 2 -extfile extensions -out {name}.pem"
        ),
    );
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join(format!("{name}-key.pem")), open).unwrap();
}

fn openssl(folder: &Path, arguments: &str) {
    let ran = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .expect("openssl is installed");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
