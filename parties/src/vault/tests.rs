//! Tests of the vault, on files of their own.

mod commits;
mod damage;
mod golden;
mod keys;
mod sessions;
mod shares;
mod tampering;

use std::path::PathBuf;

use countersign_domain::bytes::Hex;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Member, PartyIdentity, fingerprint};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::{MasterKey, ShareRecord, Vault, VaultError};

/// A folder with one vault in it.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("alpha.vault")
    }

    pub(crate) fn open(&self) -> Vault {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.path(), &party("alpha"), &master(7))
    }
}

fn party(name: &str) -> PartyId {
    name.parse().unwrap()
}

fn master(byte: u8) -> MasterKey {
    MasterKey::generate([byte; 32])
}

fn session(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(n))
}

/// The record of the share of key `n`, which session `n` made.
pub(crate) fn record(n: u128) -> ShareRecord {
    let identity = |name: &str, byte: u8| PartyIdentity {
        party: party(name),
        sign_key: Hex([byte; 32]),
        seal_key: Hex([byte + 1; 32]),
    };
    let members: Vec<Member> = (1..)
        .zip([("alpha", 10), ("beta", 20), ("gamma", 30)])
        .map(|(index, (name, byte))| Member {
            index,
            identity: identity(name, byte),
        })
        .collect();
    ShareRecord {
        key: KeyId(Uuid::from_u128(n)),
        account: AccountId(Uuid::from_u128(0xacc)),
        epoch: 0,
        engine: EngineId::Dkls23,
        quorum: Quorum::new(2, 3).unwrap(),
        me: 1,
        roster: fingerprint(&members),
        members,
        public_key: Hex([2; 33]),
        chain_code: Hex([0xcc; 32]),
        auth_key: json!({"kty": "OKP", "crv": "Ed25519", "x": "public"}),
        session: session(n),
        receipt: None,
    }
}
