//! Where messages may go: what keeps a subscription from reaching inside.
//!
//! A URL is checked when it is given, for the sake of a clear answer, and every address
//! is checked when it is dialled, for the sake of safety: a name may mean another
//! address by then.

mod address;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use url::{Host, Url};

pub use address::{BadNetwork, parse_network};

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// Where messages may go.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether URLs may be `http:`.
    pub allow_http: bool,
    /// The ports that may be dialled.
    pub allow_ports: Vec<RangeInclusive<u16>>,
    /// Networks that may be dialled although they are not public.
    pub allow_networks: Vec<IpNet>,
}

impl Default for Policy {
    /// Public addresses, by `https:` on port 443.
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_ports: vec![443..=443],
            allow_networks: vec![],
        }
    }
}

/// Why a URL is refused, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It is no URL.
    #[error("is no URL ({0}): give one such as https://example.com/hooks")]
    Malformed(String),
    /// It is longer than [`MAX_URL`].
    #[error("is longer than {MAX_URL} bytes")]
    TooLong,
    /// It is neither `https:` nor, where that is allowed, `http:`.
    #[error("must begin with https:// (`webhooks.allow_http` lets in http://)")]
    Scheme,
    /// It has a user or a password in it.
    #[error("must have no user name or password in it: verify the signature instead")]
    Credentials,
    /// It has a fragment, which would go nowhere.
    #[error("must have no fragment (#…)")]
    Fragment,
    /// Its port is not allowed.
    #[error(
        "has port {0}, which is not allowed: use one of `webhooks.allow_ports`, 443 by default, or add it there"
    )]
    Port(u16),
    /// Its host is, or means, an address that is not public.
    #[error(
        "points to {address}, which is {why}: give a public address, or add its network to \
         `webhooks.allow_networks`"
    )]
    Inside {
        /// The address.
        address: IpAddr,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Its host means no address now.
    #[error("has the host `{host}`, which has no address ({detail}): check its spelling and DNS")]
    NoAddress {
        /// The host.
        host: String,
        /// What the resolver says.
        detail: String,
    },
}

/// A URL that may be tried, apart from the addresses that its host means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The URL, normalised.
    pub url: Url,
    /// Its host: a name without a trailing dot, or an address.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
    /// Whether it is `https:`.
    pub tls: bool,
}

impl Policy {
    /// Reads a URL, and checks all that can be checked without a resolver. Odd ways to
    /// write an address (`0x7f.1`, `2130706433`) are read as browsers read them.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what to do.
    pub fn target(&self, text: &str) -> Result<Target, UrlRefused> {
        if text.len() > MAX_URL {
            return Err(UrlRefused::TooLong);
        }
        let url = Url::parse(text).map_err(|error| UrlRefused::Malformed(error.to_string()))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" if self.allow_http => false,
            _ => return Err(UrlRefused::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(UrlRefused::Fragment);
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => Host::Domain(name.trim_end_matches('.').to_owned()),
            Some(Host::Ipv4(address)) => Host::Ipv4(address),
            Some(Host::Ipv6(address)) => Host::Ipv6(address),
            None => return Err(UrlRefused::Malformed("it has no host".to_owned())),
        };
        if matches!(&host, Host::Domain(name) if name.is_empty()) {
            return Err(UrlRefused::Malformed("it has no host".to_owned()));
        }
        let port = url.port_or_known_default().unwrap_or(443);
        if !self.allow_ports.iter().any(|ports| ports.contains(&port)) {
            return Err(UrlRefused::Port(port));
        }
        let target = Target {
            url,
            host,
            port,
            tls,
        };
        if let Some(address) = target.address() {
            self.permits(address)?;
        }
        Ok(target)
    }

    /// Whether an address may be dialled.
    ///
    /// # Errors
    ///
    /// Says what it is instead of public.
    pub fn permits(&self, address: IpAddr) -> Result<(), UrlRefused> {
        let canonical = address.to_canonical();
        if self
            .allow_networks
            .iter()
            .any(|net| net.contains(&canonical))
        {
            return Ok(());
        }
        match address::not_public(canonical) {
            None => Ok(()),
            Some(why) => Err(UrlRefused::Inside {
                address: canonical,
                why,
            }),
        }
    }
}

impl Target {
    /// The address, when the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// What is sent as `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// What is sent as the request's target.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}
