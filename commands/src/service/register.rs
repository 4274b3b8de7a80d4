//! Registration. What names a person is sealed before anything is decided, so that the
//! log never sees it.

use countersign_domain::account::{Account, AccountCommand, AccountError};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::{Intent, VerifiedIntent};
use countersign_domain::personal::{Personal, PersonalData};
use countersign_event_store::personal::{EMAIL, NONCE, USERNAME};
use countersign_event_store::{CommandRecord, PersonalChange, PersonalKey};
use zeroize::Zeroizing;

use super::{Accepted, Commands, Decision, record};
use crate::error::CommandError;

impl Commands {
    /// Registers the account of the auth key that signed the intent.
    ///
    /// # Errors
    /// [`CommandError`]; a user name or email that is taken among them.
    #[tracing::instrument(name = "command.account.register", skip_all)]
    pub async fn register(
        &self,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(AccountId, String, Accepted), CommandError> {
        let verified = Intent::verify_registration(token)?;
        let id = verified.intent.account;
        let data = PersonalData::of(&verified).ok_or(CommandError::OtherRequest("kind"))?;
        if let Some(position) = self.registered_before(&verified).await? {
            return Ok((id, data.username, Accepted { position }));
        }
        let key = self.fresh_key();
        let sealed = Personal::Sealed(key.seal(id, &data, self.fresh_nonce()));
        let reservations = [
            self.hash_key.reservation(USERNAME, &data.username, id),
            self.hash_key.reservation(EMAIL, &data.email, id),
        ];
        let record = CommandRecord {
            id: self.hash_key.command(id, &verified.intent.jti),
            fingerprint: key.fingerprint(&verified.hash),
        };
        let carried_out = self.carry_out_as(record, &verified, trace_parent, async |freshness| {
            let account = self.repository.load::<Account>(id.0, freshness).await?;
            let intent = Box::new(verified.clone());
            let command = AccountCommand::Register(intent, sealed.clone());
            let events = account.state.decide(command)?;
            Ok(Decision {
                streams: vec![account.append(id.0, &events)?],
                reservations: reservations.to_vec(),
                personal: Some(PersonalChange::Keep {
                    account: id,
                    key: key.clone(),
                }),
            })
        });
        let accepted = match carried_out.await {
            // Another replica was faster, perhaps with the same request under its key.
            Err(CommandError::JtiReused) => {
                let position = self.registered_before(&verified).await?;
                let position = position.ok_or(CommandError::JtiReused)?;
                Accepted { position }
            }
            carried_out => carried_out?,
        };
        Ok((id, data.username, accepted))
    }

    /// The position at which this very registration was carried out before. Its
    /// fingerprint was taken under the account's key, so it is not known again after
    /// that was destroyed.
    async fn registered_before(
        &self,
        verified: &VerifiedIntent,
    ) -> Result<Option<u64>, CommandError> {
        let log = self.repository.log();
        let account = verified.intent.account;
        // From before personal data were sealed.
        let in_clear = record(verified);
        if let Some(entry) = log.find_command(in_clear.id).await?
            && entry.record == in_clear
        {
            return Ok(Some(entry.last_position));
        }
        let id = self.hash_key.command(account, &verified.intent.jti);
        let Some(entry) = log.find_command(id).await? else {
            return Ok(None);
        };
        let keys = self.personal.personal_keys(&[account]).await?;
        let key = keys.get(&account).ok_or(AccountError::AlreadyRegistered)?;
        if entry.record.fingerprint == key.fingerprint(&verified.hash) {
            Ok(Some(entry.last_position))
        } else {
            Err(CommandError::JtiReused)
        }
    }

    fn fresh_key(&self) -> PersonalKey {
        let mut key = Zeroizing::new([0; 32]);
        let (first, second) = key.split_at_mut(16);
        first.copy_from_slice(&(self.entropy)());
        second.copy_from_slice(&(self.entropy)());
        PersonalKey::new(key)
    }

    fn fresh_nonce(&self) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&(self.entropy)()[..NONCE]);
        nonce
    }
}
