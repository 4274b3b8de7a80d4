//! The data directory of the embedded mode.
//!
//! ```text
//! events.db                  the event log
//! roster.json                the parties' public identities
//! coordinator.key            secret that join tokens derive from
//! hash.key                   secret that names are reserved under
//! checkpoint.key             secret that signs the log's checkpoints
//! checkpoint.pub             its public half
//! checkpoints/               the signed checkpoints
//! webhooks.db                who subscribed to events, and how far each is
//! webhooks.key               what their secrets are sealed under
//! parties/party-1/vault.redb one party's sealed shares and identity
//! parties/party-1/master.key its master key, unless one was given
//! ```

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_audit::{FileCheckpoints, SigningKey};
use countersign_domain::ids::PartyId;
use countersign_domain::quorum::MAX_PARTIES;
use countersign_domain::roster::{PartyIdentity, Roster};
use countersign_messaging::IdentityKeys;
use countersign_parties::vault::{Vault, VaultError};
use countersign_webhooks::SealKey;

use super::{MasterKeys, secrets};
use crate::failure::{Failure, Outcome};

/// A party and its open vault.
pub(crate) type LocalParty = (PartyId, Arc<Vault>);

/// An open data directory; nobody else can open it until this is dropped.
pub(crate) struct DataDir {
    root: PathBuf,
    /// Holds the lock; dropped last.
    _lock: File,
}

impl DataDir {
    /// Opens a directory, and makes it if need be.
    pub(crate) fn open(root: &Path) -> Outcome<Self> {
        make_folder(root)?;
        let path = root.join("lock");
        let lock = File::create(&path)
            .map_err(|error| Failure::data(format!("cannot write {}: {error}", path.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Failure::data(format!(
                "{} is in use by another countersign process: stop it, or pass another --data-dir",
                root.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Failure::data(format!(
                "cannot lock {}: {error}",
                path.display()
            ))),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("events.db")
    }

    /// Where subscriptions to events are kept.
    pub(crate) fn webhooks(&self) -> PathBuf {
        self.root.join("webhooks.db")
    }

    /// What the secrets of subscriptions are sealed under.
    pub(crate) fn webhooks_key(&self) -> Outcome<SealKey> {
        secrets::webhooks(&self.root.join("webhooks.key"), &self.webhooks())
    }

    pub(crate) fn roster_file(&self) -> PathBuf {
        self.root.join("roster.json")
    }

    /// The key that signs the log's checkpoints.
    pub(crate) fn checkpoint_key(&self) -> Outcome<SigningKey> {
        secrets::checkpoint_key(&self.root)
    }

    pub(crate) fn checkpoints(&self) -> FileCheckpoints {
        FileCheckpoints::new(self.root.join("checkpoints"))
    }

    pub(crate) fn hash_key(&self) -> PathBuf {
        self.root.join("hash.key")
    }

    pub(crate) fn coordinator_key(&self) -> PathBuf {
        self.root.join("coordinator.key")
    }

    /// Opens the vaults of at least `count` parties, and the roster that lists
    /// them. Parties that the roster does not know yet are added to it.
    pub(crate) fn parties(
        &self,
        count: u8,
        master: &MasterKeys,
    ) -> Outcome<(Arc<Roster>, Vec<LocalParty>)> {
        let known = self.read_roster()?;
        let mut names: Vec<PartyId> = known
            .iter()
            .flat_map(Roster::parties)
            .map(|p| p.party.clone())
            .collect();
        for number in 1..=count.min(MAX_PARTIES) {
            let name: PartyId = format!("party-{number}")
                .parse()
                .map_err(Failure::internal)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let vaults = names
            .iter()
            .map(|name| Ok((name.clone(), Arc::new(self.vault(name, master)?))))
            .collect::<Outcome<Vec<_>>>()?;
        let identities: Vec<_> = vaults
            .iter()
            .map(|(name, vault)| identity(name, vault))
            .collect();
        for pinned in known.iter().flat_map(Roster::parties) {
            if !identities.contains(pinned) {
                return Err(Failure::data(format!(
                    "the vault of {} holds other identity keys than {}: restore the one that fits",
                    pinned.party,
                    self.roster_file().display()
                )));
            }
        }
        let roster = Roster::new(identities).map_err(Failure::data)?;
        if known.as_ref() != Some(&roster) {
            self.write_roster(&roster)?;
        }
        Ok((Arc::new(roster), vaults))
    }

    fn vault(&self, party: &PartyId, master: &MasterKeys) -> Outcome<Vault> {
        let folder = self.root.join("parties").join(party.as_str());
        make_folder(&folder)?;
        let key = master.of(&folder)?;
        Vault::open(&folder.join("vault.redb"), party, &key)
            .map_err(|error: VaultError| Failure::data(error))
    }

    fn read_roster(&self) -> Outcome<Option<Roster>> {
        let path = self.roster_file();
        let shown = path.display();
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| Failure::data(format!("{shown} is damaged: {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::data(format!("cannot read {shown}: {error}"))),
        }
    }

    /// Replaces the roster file whole: a crash leaves the old one or the new one.
    fn write_roster(&self, roster: &Roster) -> Outcome {
        let path = self.roster_file();
        let cannot = |error: std::io::Error| {
            Failure::data(format!("cannot write {}: {error}", path.display()))
        };
        let text = serde_json::to_string_pretty(roster).map_err(Failure::internal)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.root).map_err(cannot)?;
        std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()).map_err(cannot)?;
        file.as_file().sync_all().map_err(cannot)?;
        file.persist(&path).map_err(|error| cannot(error.error))?;
        Ok(())
    }
}

fn identity(party: &PartyId, vault: &Vault) -> PartyIdentity {
    IdentityKeys::from_seed(vault.identity_seed()).public(party.clone())
}

fn make_folder(path: &Path) -> Outcome {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::data(format!("cannot make {}: {error}", path.display())))
}
