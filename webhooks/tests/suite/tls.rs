//! Receivers by https.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use countersign_webhooks::{Attempted, NewWebhook, Policy, SendSettings, authorities};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::inside::Answers;
use crate::world::{World, local};

/// An authority, and a certificate of it for `receiver.test`.
fn certificates(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
         -subj /CN=authority -addext basicConstraints=critical,CA:TRUE \
         -keyout authority-key.pem -out authority.pem",
    );
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=receiver \
         -keyout key.pem -out receiver.csr",
    );
    let extensions = "subjectAltName=DNS:receiver.test\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("extensions"), extensions).expect("written");
    openssl(
        folder,
        "x509 -req -in receiver.csr -CA authority.pem -CAkey authority-key.pem -CAcreateserial \
         -days 2 -extfile extensions -out receiver.pem",
    );
}

fn openssl(folder: &Path, arguments: &str) {
    let ran = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .expect("openssl is installed");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}

/// Takes every request by TLS, and answers 204.
async fn receiver(folder: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_file_iter(folder.join("receiver.pem")).expect("PEM");
    let chain: Vec<_> = chain.map(|it| it.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            if bytes[..read].starts_with(b"POST /hook HTTP/1.1\r\n") {
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                stream.write_all(answer).await.expect("written");
                // The client closes it.
                let _ = stream.read(&mut bytes).await;
            }
        }
    });
    port
}

async fn attempt(send: SendSettings, url: String) -> Attempted {
    let mut world = World::new().await;
    world.send = send;
    let webhooks = world.webhooks("a");
    let new = NewWebhook {
        url,
        ..NewWebhook::default()
    };
    let (status, _) = webhooks.create(new).await.expect("made");
    webhooks.test(status.subscription.id).await.expect("tried")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_by_an_authority_and_for_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let port = receiver(folder.path()).await;
    let pem = std::fs::read(folder.path().join("authority.pem")).expect("PEM");
    let trusting = || SendSettings {
        policy: Policy {
            allow_http: false,
            ..local().policy
        },
        resolver: Answers::new(&[&["127.0.0.1"]]),
        roots: authorities(&pem).expect("an authority"),
        ..local()
    };
    let at = |host: &str| format!("https://{host}:{port}/hook");
    let good = attempt(trusting(), at("receiver.test")).await;
    assert_eq!((good.delivered, good.status), (true, Some(204)), "{good:?}");
    for host in ["other.test", "127.0.0.1"] {
        let bad = attempt(trusting(), at(host)).await;
        let said = bad.error.expect("an error");
        assert!(said.contains("TLS with 127.0.0.1 failed"), "{said}");
    }
    let public = SendSettings {
        roots: SendSettings::default().roots,
        ..trusting()
    };
    let bad = attempt(public, at("receiver.test")).await;
    let said = bad.error.expect("an error");
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert!(authorities(b"nothing").is_err());
}
