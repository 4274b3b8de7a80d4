//! Master keys of the parties' vaults, and the coordinator's own secret.

use std::path::Path;

use countersign_audit::SigningKey;
use countersign_domain::bytes::Hex;
use countersign_event_store::HashKey;
use countersign_parties::vault::MasterKey;
use countersign_webhooks::SealKey;
use zeroize::Zeroizing;

use crate::args::MasterKeyArgs;
use crate::client::auth_file::write_secret;
use crate::clock::entropy;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Where the master keys come from.
pub(crate) enum MasterKeys {
    /// One for all parties, given by the operator.
    Given(MasterKey),
    /// One a party, in a file beside its vault. Good for development only: who
    /// copies the folder has both.
    BesideVaults,
}

impl MasterKeys {
    /// From `COUNTERSIGN_MASTER_KEY`, its `_FILE` twin, or files of their own.
    pub(crate) fn from_args(args: &MasterKeyArgs) -> Outcome<Self> {
        let text = match (&args.master_key, &args.master_key_file) {
            (Some(text), _) => Zeroizing::new(text.clone()),
            (None, Some(path)) => read(path)?,
            (None, None) => return Ok(Self::BesideVaults),
        };
        MasterKey::from_text(text.trim())
            .map(Self::Given)
            .map_err(|error| Failure::usage(format!("COUNTERSIGN_MASTER_KEY: {error}")))
    }

    /// The master key of the party whose folder this is.
    pub(crate) fn of(&self, folder: &Path) -> Outcome<MasterKey> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::BesideVaults => {
                let path = folder.join("master.key");
                // A vault without its key must not get a new one: that would
                // only hide what is missing.
                if !path.exists() && folder.join("vault.redb").exists() {
                    return Err(Failure::data(format!(
                        "{} is missing, and its vault is there: give the master key with \
                         COUNTERSIGN_MASTER_KEY or COUNTERSIGN_MASTER_KEY_FILE",
                        path.display()
                    )));
                }
                let text = read_or_make(&path)?;
                MasterKey::from_text(text.trim())
                    .map_err(|error| Failure::data(format!("{}: {error}", path.display())))
            }
        }
    }
}

/// The coordinator's secret, made at the first start.
pub(crate) fn coordinator(path: &Path) -> Outcome<Zeroizing<[u8; 32]>> {
    secret(path)
}

/// The key that names are reserved under, made at the first start.
pub(crate) fn hash_key(path: &Path) -> Outcome<HashKey> {
    secret(path).map(HashKey::new)
}

fn secret(path: &Path) -> Outcome<Zeroizing<[u8; 32]>> {
    let text = read_or_make(path)?;
    let parsed: Result<Hex<32>, _> = text.trim().parse();
    parsed
        .map(|secret| Zeroizing::new(secret.0))
        .map_err(|error| Failure::data(format!("{}: {error}", path.display())))
}

/// What the secrets of webhooks are sealed under, made at the first start.
pub(crate) fn webhooks(path: &Path, store: &Path) -> Outcome<SealKey> {
    // A new key would open none of the secrets that are there.
    if !path.exists() && store.exists() {
        return Err(Failure::data(format!(
            "{} is missing, and {} is there: restore it, or remove both and add the webhooks anew",
            path.display(),
            store.display()
        )));
    }
    let text = read_or_make(path)?;
    SealKey::from_text(&text).map_err(|error| Failure::data(format!("{} {error}", path.display())))
}

/// The key that signs the checkpoints of a data directory.
pub(crate) const CHECKPOINT_KEY: &str = "checkpoint.key";

/// Its public half, for those who verify.
pub(crate) const CHECKPOINT_PUBLIC_KEY: &str = "checkpoint.pub";

/// The key that signs checkpoints, made at the first start, with a name that no other
/// log has. Its public half is written beside it.
pub(crate) fn checkpoint_key(root: &Path) -> Outcome<SigningKey> {
    let path = root.join(CHECKPOINT_KEY);
    let refused = |error| Failure::data(format!("{}: {error}", path.display()));
    if !path.exists() {
        let name = format!("countersign.local/{}", Hex(entropy::<8>()));
        let key = SigningKey::new(&name, &Zeroizing::new(entropy())).map_err(refused)?;
        let text = Zeroizing::new(format!("{}\n", *key.to_text()));
        write_secret(&path, text.as_bytes())?;
    }
    let key = SigningKey::from_text(read(&path)?.trim()).map_err(refused)?;
    let public = root.join(CHECKPOINT_PUBLIC_KEY);
    let text = format!("{}\n", key.verifier());
    if std::fs::read_to_string(&public).ok().as_ref() != Some(&text) {
        files::write_text(&public, &text)?;
    }
    Ok(key)
}

fn read_or_make(path: &Path) -> Outcome<Zeroizing<String>> {
    if !path.exists() {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(entropy());
        let text = Zeroizing::new(format!("{}\n", Hex(*bytes)));
        write_secret(path, text.as_bytes())?;
    }
    read(path)
}

fn read(path: &Path) -> Outcome<Zeroizing<String>> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::data(format!("cannot read {}: {error}", path.display())))
}
