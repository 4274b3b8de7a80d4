//! What names mean.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use url::Host;

use crate::policy::{Policy, Target, UrlRefused};

/// Looks up names.
#[async_trait]
pub trait Resolve: Send + Sync + Debug {
    /// All addresses of a name.
    ///
    /// # Errors
    ///
    /// When it has none, or nobody can say.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// The addresses that a target means, whatever they are.
pub(crate) async fn addresses(
    resolver: &dyn Resolve,
    target: &Target,
) -> Result<Vec<IpAddr>, UrlRefused> {
    let Host::Domain(name) = &target.host else {
        return Ok(target.address().into_iter().collect());
    };
    // RFC 6761: these names are this machine, whatever a server says.
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let none = |detail: String| UrlRefused::NoAddress {
        host: name.clone(),
        detail,
    };
    match resolver.resolve(name).await {
        Ok(found) if found.is_empty() => Err(none("no answer".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(none(error.to_string())),
    }
}

/// Those of the addresses of a target that may be dialled.
pub(crate) async fn dialable(
    resolver: &dyn Resolve,
    policy: &Policy,
    target: &Target,
) -> Result<Vec<IpAddr>, UrlRefused> {
    let found = addresses(resolver, target).await?;
    let mut refused = None;
    let mut permitted = vec![];
    for address in found {
        match policy.permits(address) {
            Ok(()) => permitted.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if permitted.is_empty() => Err(error),
        _ => Ok(permitted),
    }
}
