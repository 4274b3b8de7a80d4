//! Which events somebody wants.

use countersign_domain::account::AccountEvent;
use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::KeyEvent;
use countersign_domain::session::SessionEvent;
use serde::{Deserialize, Serialize};

use crate::Owner;

/// Picks events: of one of the types, of one of the accounts, of one of the keys and
/// of one of the sessions. A list that is empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// Names of events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// With the events of their keys and sessions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountId>,
    /// With the events of the sessions that make or use them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyId>,
    /// The sessions themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
}

/// No event has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no event `{name}`: {cure}")]
pub struct UnknownType {
    /// The name asked for, the beginning of it.
    pub name: String,
    /// What to write instead.
    cure: String,
}

impl EventFilter {
    /// Whether it takes every event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && !self.asks_for_owner()
    }

    /// Whether it has to know whom an event belongs to.
    #[must_use]
    pub fn asks_for_owner(&self) -> bool {
        !(self.accounts.is_empty() && self.keys.is_empty() && self.sessions.is_empty())
    }

    /// Whether it takes an event of this name that belongs to `owner`.
    #[must_use]
    pub fn takes(&self, event_type: &str, owner: &Owner) -> bool {
        let named = |name: &String| name == event_type;
        (self.types.is_empty() || self.types.iter().any(named))
            && one_of(&self.accounts, owner.account)
            && one_of(&self.keys, owner.key)
            && one_of(&self.sessions, owner.session)
    }
}

fn one_of<T: PartialEq>(wanted: &[T], it: Option<T>) -> bool {
    wanted.is_empty() || it.is_some_and(|it| wanted.contains(&it))
}

/// The name of every event that there is.
pub fn event_types() -> impl Iterator<Item = &'static str> {
    let all = [AccountEvent::NAMES, KeyEvent::NAMES, SessionEvent::NAMES];
    all.into_iter().flatten().copied()
}

/// The name of an event, if there is one of this name.
///
/// # Errors
///
/// [`UnknownType`] names the one that was probably meant, or all of them.
pub fn known_type(name: &str) -> Result<&'static str, UnknownType> {
    event_types()
        .find(|known| *known == name)
        .ok_or_else(|| UnknownType::new(name))
}

impl UnknownType {
    fn new(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        let lower = name.to_ascii_lowercase();
        let nearest = event_types()
            .map(|known| {
                let distance = strsim::damerau_levenshtein(&lower, &known.to_ascii_lowercase());
                (distance, known)
            })
            .min()
            .filter(|(distance, known)| *distance <= known.len().max(lower.len()) / 3);
        let cure = match nearest {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => {
                let all: Vec<_> = event_types().collect();
                format!("it must be one of {}", all.join(", "))
            }
        };
        Self { name, cure }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn owner() -> Owner {
        Owner {
            account: Some(AccountId(Uuid::from_u128(1))),
            key: Some(KeyId(Uuid::from_u128(2))),
            session: Some(SessionId(Uuid::from_u128(3))),
        }
    }

    #[test]
    fn values_of_one_kind_are_alternatives_and_kinds_must_all_fit() {
        let account = |n| AccountId(Uuid::from_u128(n));
        let filter = EventFilter {
            types: vec!["SessionFailed".into(), "SessionExpired".into()],
            accounts: vec![account(9), account(1)],
            ..EventFilter::default()
        };
        assert!(filter.takes("SessionExpired", &owner()));
        assert!(!filter.takes("SessionCompleted", &owner()));
        let other = Owner {
            account: Some(account(2)),
            ..owner()
        };
        assert!(!filter.takes("SessionExpired", &other));
        assert!(!filter.takes("SessionExpired", &Owner::default()));
    }

    #[test]
    fn an_empty_filter_takes_what_belongs_to_nobody() {
        let all = EventFilter::default();
        assert!(all.is_empty());
        assert!(all.takes("Unheard", &Owner::default()));
        let keys = EventFilter {
            keys: vec![KeyId(Uuid::from_u128(2))],
            ..all
        };
        assert!(!keys.is_empty());
        assert!(keys.takes("SessionCreated", &owner()));
        assert!(!keys.takes(
            "AccountRegistered",
            &Owner {
                key: None,
                ..owner()
            }
        ));
    }

    #[test]
    fn a_name_that_no_event_has_is_told_the_nearest() {
        assert_eq!(known_type("KeyRetired"), Ok("KeyRetired"));
        let said = |name| known_type(name).unwrap_err().to_string();
        let nearest = "did you mean `SessionCompleted`?";
        assert!(
            said("SesionCompleted").ends_with(nearest),
            "{}",
            said("SesionCompleted")
        );
        assert!(said("sessioncompleted").ends_with(nearest));
        let all = said("colour");
        assert!(
            all.contains("AccountRegistered, ") && all.contains("PairBanned"),
            "{all}"
        );
        assert!(said(&"x".repeat(5000)).len() < 1500);
    }
}
