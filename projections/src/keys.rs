//! The threshold keys as they are now.

use countersign_domain::Timestamp;
use countersign_domain::auth_key::Thumbprint;
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::decider::Decider as _;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::key::{Key, KeyEvent, KeyStatus, ordered_pair};
use countersign_domain::roster::Member;
use countersign_domain::signature::ethereum_address;
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

use crate::store::Row;

/// What queries show of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// The key.
    pub key_id: KeyId,
    /// Whose it is.
    pub account_id: AccountId,
    /// The session that generates it.
    pub session_id: SessionId,
    /// The protocol.
    pub engine: EngineId,
    /// How many must sign.
    pub threshold: u8,
    /// How many hold a share.
    pub parties: u8,
    /// Epoch of the shares, from 1.
    pub epoch: u32,
    /// The status.
    pub status: KeyStatus,
    /// Compressed SEC1 public key, once it is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// BIP32 chain code, once it is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_code: Option<Digest>,
    /// Ethereum address of the public key (EIP-55).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ethereum_address: Option<String>,
    /// Fingerprint of the members.
    pub roster: Digest,
    /// Thumbprint of the account's auth key, which the parties pin.
    pub auth_key_thumbprint: Thumbprint,
    /// Who holds the shares, by index.
    pub members: Vec<Member>,
    /// One receipt (JWS) a party for the shares of this epoch, by index.
    pub receipts: Vec<String>,
    /// Pairs of parties that must not sign together.
    pub banned_pairs: Vec<(PartyId, PartyId)>,
    /// Why it is of no use any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_reason: Option<String>,
    /// When it was asked for.
    #[serde(serialize_with = "crate::time::at")]
    pub created_at: Timestamp,
    /// When it was generated.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::time::if_any"
    )]
    pub activated_at: Option<Timestamp>,
    /// When its last event was recorded.
    #[serde(serialize_with = "crate::time::at")]
    pub updated_at: Timestamp,
    /// Position of its first event; lists are in this order.
    pub created_position: u64,
    /// Position of its last event.
    pub position: u64,
}

/// A row of the projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// What queries show.
    pub view: KeyView,
    /// The aggregate, which later events are folded into.
    pub(crate) state: Key,
}

/// Which keys to list; none of the fields lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// In this status.
    pub status: Option<KeyStatus>,
}

/// Folds an event into the row; there is none as long as the key does not exist.
pub fn apply(current: &mut Option<KeyRow>, id: KeyId, recorded: &Recorded, event: &KeyEvent) {
    let Some(row) = current else {
        *current = requested(id, recorded, event);
        return;
    };
    let before = row.view.status;
    row.state.evolve(event);
    let (state, view) = (&row.state, &mut row.view);
    view.status = state.status().unwrap_or(before);
    match event {
        KeyEvent::KeyActivated { receipts, .. } if view.public_key.is_none() => {
            if let Some(public) = state.public() {
                view.public_key = Some(public.public_key);
                view.chain_code = Some(public.chain_code);
                view.ethereum_address = ethereum_address(&public.public_key).ok();
                view.receipts.clone_from(receipts);
                view.activated_at = Some(recorded.recorded_at);
            }
        }
        KeyEvent::SharesRefreshed { receipts, .. } if state.epoch() > view.epoch => {
            view.epoch = state.epoch();
            view.receipts.clone_from(receipts);
        }
        KeyEvent::PairBanned { reporter, culprit } => {
            let pair = ordered_pair(reporter, culprit);
            if let Err(place) = view.banned_pairs.binary_search(&pair) {
                view.banned_pairs.insert(place, pair);
            }
        }
        KeyEvent::KeyRetired { reason } if before != KeyStatus::Retired => {
            view.retired_reason = Some(reason.clone());
        }
        _ => {}
    }
    view.updated_at = recorded.recorded_at;
    view.position = recorded.position;
}

fn requested(id: KeyId, recorded: &Recorded, event: &KeyEvent) -> Option<KeyRow> {
    let KeyEvent::KeyRequested { facts, .. } = event else {
        return None;
    };
    let mut state = Key::default();
    state.evolve(event);
    Some(KeyRow {
        view: KeyView {
            key_id: id,
            account_id: facts.account,
            session_id: facts.session,
            engine: facts.engine,
            threshold: facts.quorum.threshold(),
            parties: facts.quorum.parties(),
            epoch: state.epoch(),
            status: state.status()?,
            public_key: None,
            chain_code: None,
            ethereum_address: None,
            roster: facts.roster,
            auth_key_thumbprint: facts.auth_key.clone(),
            members: facts.members.clone(),
            receipts: vec![],
            banned_pairs: vec![],
            retired_reason: None,
            created_at: recorded.recorded_at,
            activated_at: None,
            updated_at: recorded.recorded_at,
            created_position: recorded.position,
            position: recorded.position,
        },
        state,
    })
}

/// What keys are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum KeyFacet {
    Account(AccountId),
    Status(KeyStatus),
}

impl Row for KeyRow {
    type Facet = KeyFacet;
    type Filter = KeyFilter;

    fn id(&self) -> uuid::Uuid {
        self.view.key_id.0
    }

    fn created_position(&self) -> u64 {
        self.view.created_position
    }

    fn facets(&self) -> Vec<KeyFacet> {
        vec![
            KeyFacet::Account(self.view.account_id),
            KeyFacet::Status(self.view.status),
        ]
    }

    fn wanted(filter: &KeyFilter) -> Vec<KeyFacet> {
        let mut facets = vec![];
        facets.extend(filter.account.map(KeyFacet::Account));
        facets.extend(filter.status.map(KeyFacet::Status));
        facets
    }
}
