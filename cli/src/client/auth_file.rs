//! The auth key file: a private JWK that only its owner can read.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_domain::auth_key::AuthSigner;
use countersign_domain::ids::AccountId;
use zeroize::Zeroizing;

use crate::args::AuthArgs;
use crate::clock::entropy;
use crate::failure::{Failure, Outcome};

/// An account and the key that speaks for it.
#[derive(Debug)]
pub(crate) struct AuthFile {
    pub(crate) signer: AuthSigner,
    pub(crate) account: AccountId,
}

impl AuthFile {
    /// Reads the auth key file.
    pub(crate) fn open(args: &AuthArgs) -> Outcome<Self> {
        let path = &args.auth_key;
        let shown = path.display();
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Failure::usage(format!(
                "cannot read the auth key {shown} ({error}): make one with `countersign account \
                 create`, or name yours with --auth-key"
            ))
        })?;
        let mode = std::fs::metadata(path).map_or(0, |m| m.permissions().mode());
        if mode & 0o077 != 0 {
            eprintln!("warning: others can read {shown}: run `chmod 600 {shown}`");
        }
        let jwk = serde_json::from_str(&text)
            .map_err(|_| Failure::usage(format!("{shown} is no JWK (RFC 7517)")))?;
        let signer = AuthSigner::from_jwk(&jwk)
            .map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
        Ok(Self::of(signer, args.account))
    }

    /// Makes a new auth key and writes it to a file that must not exist yet.
    pub(crate) fn create(path: &Path, key_type: &str, account: Option<AccountId>) -> Outcome<Self> {
        let signer = Self::generate(key_type)?;
        write_secret(path, signer.to_private_jwk().as_bytes())?;
        Ok(Self::of(signer, account))
    }

    /// A new auth key, kept in memory only.
    pub(crate) fn generate(key_type: &str) -> Outcome<AuthSigner> {
        let bytes = Zeroizing::new(entropy());
        match key_type {
            "es256k" => AuthSigner::secp256k1(&bytes).map_err(Failure::internal),
            _ => Ok(AuthSigner::ed25519(&bytes)),
        }
    }

    /// The account is the hash of the key that registered it, unless named.
    pub(crate) fn of(signer: AuthSigner, account: Option<AccountId>) -> Self {
        let account = account.unwrap_or_else(|| AccountId::of(&signer.public().thumbprint()));
        Self { signer, account }
    }
}

/// Writes a file of mode 0600 that must not exist yet: whole and durable, or not
/// at all.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Outcome {
    let cannot =
        |error: std::io::Error| Failure::data(format!("cannot write {}: {error}", path.display()));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    file.write_all(bytes).map_err(cannot)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist_noclobber(path)
        .map_err(|error| cannot(error.error))?;
    Ok(())
}
