//! Brings stored payloads up to the version that the code knows.
//!
//! Stored events never change. For each change of an event's schema there is one
//! step from the version before; decoding runs the steps in turn.

use std::collections::HashMap;

use serde_json::{Value, json};

/// One step: the payload of a version in, the payload of the next out.
pub type Upcast = fn(Value) -> Value;

/// The known steps.
#[derive(Clone, Debug, Default)]
pub struct Upcasters {
    steps: HashMap<(&'static str, u16), Upcast>,
}

/// Why a payload cannot be brought to the current version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpcastError {
    /// A newer program wrote the event.
    #[error("{event_type} has version {version}, and this program knows {current} at most")]
    Newer {
        /// Name of the event.
        event_type: String,
        /// The stored version.
        version: u16,
        /// The newest version known.
        current: u16,
    },
    /// No step leads on from a version.
    #[error("no upcaster takes {event_type} from version {version} to the next")]
    Missing {
        /// Name of the event.
        event_type: String,
        /// The version that is stuck.
        version: u16,
    },
}

impl Upcasters {
    /// Those of the events that this program knows.
    pub fn known() -> Self {
        Self::new().register("AccountRegistered", 1, in_clear)
    }

    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the step of `event_type` from `from_version` to the next.
    ///
    /// # Panics
    ///
    /// If the step is there already: two of them are a mistake in the program.
    #[must_use]
    pub fn register(mut self, event_type: &'static str, from_version: u16, step: Upcast) -> Self {
        let previous = self.steps.insert((event_type, from_version), step);
        assert!(
            previous.is_none(),
            "two upcasters take {event_type} from version {from_version}"
        );
        self
    }

    /// Takes a payload from `version` to `current_version`.
    ///
    /// # Errors
    ///
    /// When the version is newer than the current one, or a step is missing.
    pub fn upcast(
        &self,
        event_type: &str,
        version: u16,
        payload: Value,
        current_version: u16,
    ) -> Result<Value, UpcastError> {
        if version > current_version {
            return Err(UpcastError::Newer {
                event_type: event_type.to_owned(),
                version,
                current: current_version,
            });
        }
        (version..current_version).try_fold(payload, |payload, version| {
            let step =
                self.steps
                    .get(&(event_type, version))
                    .ok_or_else(|| UpcastError::Missing {
                        event_type: event_type.to_owned(),
                        version,
                    })?;
            Ok(step(payload))
        })
    }
}

/// Registrations had their personal data in clear.
fn in_clear(mut payload: Value) -> Value {
    if let Value::Object(fields) = &mut payload {
        let mut take = |name| fields.remove(name).unwrap_or_default();
        let open = json!({
            "username": take("username"),
            "email": take("email"),
            "intent": take("intent"),
        });
        fields.insert("personal".to_owned(), json!({ "open": open }));
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upcasters() -> Upcasters {
        Upcasters::new()
            .register("KeyRequested", 1, |mut payload| {
                payload["engine"] = json!("dkls23");
                payload
            })
            .register("KeyRequested", 2, |mut payload| {
                payload["parties"] = json!([payload["parties"]]);
                payload
            })
            .register("KeyRetired", 2, |payload| payload)
    }

    #[test]
    fn steps_run_in_turn_up_to_the_current_version() {
        let up = |version| upcasters().upcast("KeyRequested", version, json!({"parties": 3}), 3);
        assert_eq!(up(1), Ok(json!({"parties": [3], "engine": "dkls23"})));
        assert_eq!(up(2), Ok(json!({"parties": [3]})));
        assert_eq!(up(3), Ok(json!({"parties": 3})));
    }

    #[test]
    fn newer_versions_and_missing_steps_are_errors() {
        assert_eq!(
            upcasters().upcast("KeyRequested", 4, json!({}), 3),
            Err(UpcastError::Newer {
                event_type: "KeyRequested".into(),
                version: 4,
                current: 3
            })
        );
        assert_eq!(
            upcasters().upcast("KeyRetired", 1, json!({}), 3),
            Err(UpcastError::Missing {
                event_type: "KeyRetired".into(),
                version: 1
            })
        );
    }
}
