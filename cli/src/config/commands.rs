//! `[commands]`: the command endpoints and the coordinator.

use std::net::{Ipv4Addr, SocketAddr};

use countersign_domain::bytes::Hex;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::reader::Reader;

/// The role `commands`.
#[derive(Debug, Clone)]
pub struct Commands {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The secret that join tokens derive from, the same on all replicas: 32 bytes
    /// as 64 hex digits.
    pub coordinator_secret: Option<SecretString>,
}

impl Commands {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("commands");
        let commands = Self {
            listen: reader.or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            coordinator_secret: reader.secret("coordinator_secret"),
        };
        if commands.coordinator_secret.is_some() && commands.secret().is_none() {
            let said = "is not 64 hex digits: make one with `openssl rand -hex 32`, the same for \
                        all replicas";
            reader.wrong_as_read("coordinator_secret", said);
        }
        commands
    }

    /// The coordinator's secret, as bytes.
    pub(crate) fn secret(&self) -> Option<Zeroizing<[u8; 32]>> {
        let text = self.coordinator_secret.as_ref()?;
        let parsed: Result<Hex<32>, _> = text.expose_secret().parse();
        parsed.ok().map(|secret| Zeroizing::new(secret.0))
    }
}
