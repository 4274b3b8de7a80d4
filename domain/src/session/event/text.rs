//! Reading the events of every signature from their JSON.
//!
//! An enum with its name inside (`"type"`) is read twice by serde: once into parts, to
//! find the name, and once from those. Whoever knows the name beforehand reads the
//! fields at once.

use serde::Deserialize;

use super::{DeviceInfo, Report, SessionEvent};
use crate::bytes::{Hex, PublicKey};
use crate::ids::PartyId;
use crate::session::NewSession;
use crate::signature::Signature;

/// The fields of an event, if it has the name that it should.
macro_rules! fields {
    ($text:ident, $name:ident { $($field:ident: $type:ty),+ }) => {{
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(rename = "type")]
            name: &'a str,
            $($field: $type,)+
        }
        let it: Fields<'_> = serde_json::from_str($text).ok()?;
        (it.name == stringify!($name)).then_some(($(it.$field),+))
    }};
}

/// Reads an event of this name that is written as nearly all are. None of another,
/// and of one that is written otherwise.
pub(super) fn read(name: &str, text: &str) -> Option<SessionEvent> {
    Some(match name {
        "SessionCreated" => {
            #[derive(Deserialize)]
            struct Named<'a> {
                #[serde(rename = "type")]
                name: &'a str,
            }
            let named: Named<'_> = serde_json::from_str(text).ok()?;
            let session = serde_json::from_str::<NewSession>(text).ok()?;
            let session = (named.name == name).then(|| Box::new(session))?;
            SessionEvent::SessionCreated { session }
        }
        "ParticipantJoined" => {
            let (party, device) = fields!(
                text,
                ParticipantJoined {
                    party: PartyId,
                    device: DeviceInfo
                }
            )?;
            SessionEvent::ParticipantJoined { party, device }
        }
        "ParticipantReady" => {
            let party = fields!(text, ParticipantReady { party: PartyId })?;
            SessionEvent::ParticipantReady { party }
        }
        "SessionStarted" => {
            let (attempt, signers) = fields!(text, SessionStarted {
                attempt: u32,
                signers: Vec<PartyId>
            })?;
            SessionEvent::SessionStarted { attempt, signers }
        }
        "ParticipantReported" => {
            let (party, attempt, report) = fields!(text, ParticipantReported {
                party: PartyId,
                attempt: u32,
                report: FlatReport<'a>
            })?;
            SessionEvent::ParticipantReported {
                party,
                attempt,
                report: report.report()?,
            }
        }
        "SessionCompleted" => {
            let (public_key, signature) = fields!(text, SessionCompleted {
                public_key: PublicKey,
                signature: Option<Signature>
            })?;
            SessionEvent::SessionCompleted {
                public_key,
                signature,
            }
        }
        _ => return None,
    })
}

/// All fields that a report may have.
#[derive(Deserialize)]
struct FlatReport<'a> {
    kind: &'a str,
    receipt: Option<String>,
    r: Option<Hex<32>>,
    s: Option<Hex<32>>,
    v: Option<u8>,
}

impl FlatReport<'_> {
    fn report(self) -> Option<Report> {
        match self.kind {
            "receipt" => {
                let receipt = self.receipt?;
                Some(Report::Receipt { receipt })
            }
            "signature" => {
                let (r, s, v) = (self.r?, self.s?, self.v?);
                let signature = Signature { r, s, v };
                Some(Report::Signature { signature })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decider::{StoredEvent, from_any_text};

    macro_rules! golden {
        ($($file:literal)+) => {
            [$(include_str!(concat!("../../../tests/golden/session/", $file, ".json"))),+]
        };
    }

    const OFTEN: [&str; 8] = golden!(
        "SessionCreated.v1"
        "SessionCreated.v1.keygen"
        "ParticipantJoined.v1"
        "ParticipantReady.v1"
        "SessionStarted.v1"
        "ParticipantReported.v1"
        "ParticipantReported.v1.receipt"
        "SessionCompleted.v1"
    );

    fn name_in(event: &Value) -> &str {
        event["type"].as_str().expect("a name")
    }

    /// Everything that the JSON becomes when one thing in it is another, or gone.
    fn changed(value: &Value) -> Vec<Value> {
        let mut all = vec![
            json!(null),
            json!(1),
            json!(-1),
            json!("other"),
            json!([]),
            json!({}),
        ];
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let mut without = fields.clone();
                    without.remove(name);
                    all.push(without.into());
                    for field in changed(field) {
                        let mut with = fields.clone();
                        with.insert(name.clone(), field);
                        all.push(with.into());
                    }
                }
                let mut more = fields.clone();
                more.insert("more".into(), json!("of it"));
                all.push(more.into());
            }
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    for item in changed(item) {
                        let mut with = items.clone();
                        with[place] = item;
                        all.push(with.into());
                    }
                }
            }
            _ => {}
        }
        all
    }

    #[test]
    fn what_comes_often_is_read_at_once() {
        for text in OFTEN {
            let value: Value = serde_json::from_str(text).expect("JSON");
            let expected: SessionEvent = serde_json::from_str(text).expect("an event");
            assert_eq!(read(name_in(&value), text), Some(expected));
        }
    }

    #[test]
    fn what_is_read_at_once_is_what_serde_reads() {
        let (mut read_so, mut others) = (0, 0);
        for text in OFTEN {
            let value: Value = serde_json::from_str(text).expect("JSON");
            for changed in changed(&value) {
                let text = changed.to_string();
                for name in SessionEvent::NAMES {
                    let event = from_any_text::<SessionEvent>(name, &text);
                    match read(name, &text) {
                        Some(read) => {
                            assert_eq!(Some(read), event, "{text}");
                            read_so += 1;
                        }
                        None => others += usize::from(event.is_some()),
                    }
                    assert_eq!(SessionEvent::from_text(name, &text), event, "{text}");
                }
            }
        }
        assert!(read_so > 50 && others < 5, "{read_so} and {others}");
    }

    #[test]
    fn an_event_of_another_name_is_not_one() {
        let ready = r#"{"party":"party-1","type":"ParticipantReady"}"#;
        assert!(read("ParticipantReady", ready).is_some());
        let other = r#"{"party":"party-1","type":"ParticipantLeft"}"#;
        assert_eq!(read("ParticipantReady", other), None);
        let twice = r#"{"party":"party-1","party":"party-2","type":"ParticipantReady"}"#;
        assert_eq!(SessionEvent::from_text("ParticipantReady", twice), None);
    }
}
