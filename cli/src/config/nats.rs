//! `[nats]`: the bus.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::Reader;

/// Where the bus is, who this process is to it, and how the connection is secured.
#[derive(Debug, Clone)]
pub struct Nats {
    /// One or more servers of one cluster, as `nats://HOST:PORT` or `tls://…`.
    pub urls: Vec<String>,
    /// A credentials file (JWT and nkey seed).
    pub credentials_file: Option<PathBuf>,
    /// An nkey seed.
    pub nkey_seed: Option<SecretString>,
    /// A user name; goes with `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// A token.
    pub token: Option<SecretString>,
    /// Certificates of the authority that the server's must come from, as PEM.
    pub ca_file: Option<PathBuf>,
    /// This process's certificate, as PEM; goes with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    pub key_file: Option<PathBuf>,
    /// Whether a connection without TLS is refused.
    pub tls_required: bool,
    /// Where replies arrive, when the permissions of NATS want another than `_INBOX`.
    pub inbox_prefix: Option<String>,
}

impl Nats {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("nats");
        let nats = Self {
            urls: reader.optional("urls").unwrap_or_default(),
            credentials_file: reader.optional("credentials_file"),
            nkey_seed: reader.secret("nkey_seed"),
            user: reader.optional("user"),
            password: reader.secret("password"),
            token: reader.secret("token"),
            ca_file: reader.optional("ca_file"),
            cert_file: reader.optional("cert_file"),
            key_file: reader.optional("key_file"),
            tls_required: reader.or("tls_required", false),
            inbox_prefix: reader.optional("inbox_prefix"),
        };
        nats.check(reader);
        nats
    }

    fn check(&self, reader: &mut Reader<'_>) {
        for url in &self.urls {
            let Some((scheme, host)) = url.split_once("://") else {
                reader.wrong_as_read("urls", "has an entry that is no URL: begin with nats://");
                continue;
            };
            if !["nats", "tls"].contains(&scheme) {
                reader.wrong_as_read("urls", "has a URL that begins neither nats:// nor tls://");
            } else if host.contains('@') {
                let said = "has a user or password in a URL: give nats.user and nats.password";
                reader.wrong_as_read("urls", said);
            } else if host.is_empty() {
                reader.wrong_as_read("urls", "has a URL without a host");
            }
        }
        if self.user.is_some() != self.password.is_some() {
            let (there, missing) = match self.user {
                Some(_) => ("user", "password"),
                None => ("password", "user"),
            };
            reader.wrong_as_read(
                there,
                &format!("goes with nats.{missing}, which is not set"),
            );
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            let (there, missing) = match self.cert_file {
                Some(_) => ("cert_file", "key_file"),
                None => ("key_file", "cert_file"),
            };
            reader.wrong_as_read(
                there,
                &format!("goes with nats.{missing}, which is not set"),
            );
        }
        let ways = [
            ("credentials_file", self.credentials_file.is_some()),
            ("nkey_seed", self.nkey_seed.is_some()),
            ("user", self.user.is_some()),
            ("token", self.token.is_some()),
        ];
        let given: Vec<_> = ways.iter().filter(|(_, given)| *given).collect();
        if let [(first, _), (second, _), ..] = given.as_slice() {
            let said = format!("cannot go with nats.{second}: leave one of the two out");
            reader.wrong_as_read(first, &said);
        }
        for (key, file) in [
            ("credentials_file", &self.credentials_file),
            ("ca_file", &self.ca_file),
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
        ] {
            if let Some(Err(error)) = file.as_ref().map(std::fs::File::open) {
                reader.wrong_as_read(key, &format!("cannot be read: {error}"));
            }
        }
    }
}
