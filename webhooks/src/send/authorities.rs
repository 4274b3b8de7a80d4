//! Authorities of one's own, for receivers inside.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// A text without certificates of authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has no certificates of authorities in it, in PEM: {0}")]
pub struct BadAuthorities(String);

/// Reads certificates of authorities, in PEM.
///
/// # Errors
///
/// When there is none, or one of them is none.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, BadAuthorities> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| BadAuthorities(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| BadAuthorities(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(BadAuthorities("it is empty".to_owned())),
        false => Ok(roots),
    }
}
