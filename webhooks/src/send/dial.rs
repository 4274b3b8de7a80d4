//! Connections, to addresses that were checked and to no others.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use super::SendSettings;
use crate::policy::Target;
use crate::resolve;

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// TLS by the public authorities (Mozilla's) and some more.
pub(super) fn tls(more: &RootCertStore) -> TlsConnector {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.roots.extend(more.roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for both versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Connects to the first address of the target that takes it.
pub(super) async fn dial(
    settings: &SendSettings,
    tls: &TlsConnector,
    target: &Target,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let addresses = resolve::dialable(&*settings.resolver, &settings.policy, target).await;
    let addresses = addresses.map_err(|error| format!("the URL {error}"))?;
    let mut last = "its host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(address, target.port)).await {
            Ok(stream) => return speak(settings, tls, target, stream, address).await,
            Err(error) => last = format!("{address} cannot be reached: {error}"),
        }
    }
    Err(last)
}

async fn speak(
    settings: &SendSettings,
    tls: &TlsConnector,
    target: &Target,
    stream: TcpStream,
    address: IpAddr,
) -> Result<SendRequest<Full<Bytes>>, String> {
    // Whatever lies between says where it really went.
    let peer = stream.peer_addr().map_err(|error| error.to_string())?;
    settings
        .policy
        .permits(peer.ip())
        .map_err(|error| format!("the URL {error}"))?;
    // Small messages go out at once; without it they go out all the same.
    let _ = stream.set_nodelay(true);
    if !target.tls {
        return handshake(stream).await;
    }
    let name = match &target.host {
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| format!("`{name}` is no name that a certificate can have"))?,
        Host::Ipv4(_) | Host::Ipv6(_) => ServerName::from(address),
    };
    let stream = tls.connect(name, stream).await;
    handshake(stream.map_err(|error| format!("TLS with {address} failed: {error}"))?).await
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream));
    let (requests, connection) = begun.await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // It ends with the last request; what goes wrong is told there.
        let _ = connection.await;
    });
    Ok(requests)
}
