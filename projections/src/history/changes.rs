//! What was made or changed between two positions, and how.

use std::collections::{BTreeMap, HashMap};

use countersign_event_store::{Decoder, Envelope, LogError, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entity, History, Kind, PAGE, Past};
use crate::{AccountRow, KeyRow, SessionRow};

/// What was made or changed after one position and up to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// After the event at this position.
    pub from: u64,
    /// Up to the event at this one.
    pub to: u64,
    /// What was made or changed, in the order of the first event of each.
    pub changed: Vec<Changed>,
}

/// An account, key or session that something happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: String,
    /// Whether it was made.
    pub change: ChangeKind,
    /// How many events of which name happened to it.
    pub events: BTreeMap<String, u64>,
    /// What queries show of it, as far as it differs.
    pub fields: BTreeMap<String, Field>,
    /// Whether an event of it cannot be decoded: it is shown as it was before that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there before.
    Made,
    /// It was there before.
    Changed,
}

/// The value of a field before and after; none where there is no such field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The fields of two objects that differ. What is no object has no fields.
#[must_use]
pub fn fields(before: &Value, after: &Value) -> BTreeMap<String, Field> {
    let names = |value: &Value| -> Vec<String> {
        let object = value.as_object().into_iter().flatten();
        object.map(|(name, _)| name.clone()).collect()
    };
    let mut all = BTreeMap::new();
    for name in names(before).into_iter().chain(names(after)) {
        let (from, to) = (before.get(&name), after.get(&name));
        if from != to {
            let field = Field {
                from: from.cloned(),
                to: to.cloned(),
            };
            all.insert(name, field);
        }
    }
    all
}

impl History {
    /// What was made or changed after the event at `from` and up to the one at `to`.
    /// Tells `progress` the position that it has come to. All that changed is held in
    /// memory until the end.
    ///
    /// # Errors
    /// [`LogError`] when the log cannot be read.
    pub async fn changes(
        &self,
        from: u64,
        to: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<Changes, LogError> {
        let mut tracked: HashMap<StreamId, Box<dyn Track>> = HashMap::new();
        let mut order = vec![];
        let mut at = from;
        while at < to {
            let left = usize::try_from(to - at).unwrap_or(PAGE).min(PAGE);
            let page = self.log.read_all(at, left).await?;
            let Some(last) = page.last() else { break };
            at = last.position;
            for envelope in &page {
                let stream = &envelope.stream;
                let Some(kind) = Kind::of(stream) else {
                    continue;
                };
                if !tracked.contains_key(stream) {
                    let begun: Box<dyn Track> = match kind {
                        Kind::Account => self.track::<AccountRow>(envelope, from).await?,
                        Kind::Key => self.track::<KeyRow>(envelope, from).await?,
                        Kind::Session => self.track::<SessionRow>(envelope, from).await?,
                    };
                    tracked.insert(stream.clone(), begun);
                    order.push(stream.clone());
                }
                if let Some(one) = tracked.get_mut(stream) {
                    one.take(&self.decoder, envelope);
                }
            }
            progress(at);
        }
        let changed = order.iter().filter_map(|stream| {
            let one = tracked.remove(stream)?;
            Some(one.end(&stream.aggregate_id))
        });
        Ok(Changes {
            from,
            to,
            changed: changed.collect(),
        })
    }

    async fn track<E: Entity>(
        &self,
        first: &Envelope,
        from: u64,
    ) -> Result<Box<dyn Track>, LogError> {
        let past: Past<E> = if first.version == 1 {
            Past::default()
        } else {
            self.of_stream(&first.stream, from).await?
        };
        let before = past.row.as_ref().map(Entity::show);
        Ok(Box::new(Tracked {
            before,
            past,
            events: BTreeMap::new(),
        }))
    }
}

/// Something that events happen to, whatever it is.
trait Track: Send {
    fn take(&mut self, decoder: &Decoder, envelope: &Envelope);

    fn end(self: Box<Self>, id: &str) -> Changed;
}

struct Tracked<E> {
    before: Option<Value>,
    past: Past<E>,
    events: BTreeMap<String, u64>,
}

impl<E: Entity> Track for Tracked<E> {
    fn take(&mut self, decoder: &Decoder, envelope: &Envelope) {
        let name = envelope.event_type.clone();
        *self.events.entry(name).or_default() += 1;
        self.past.take(decoder, envelope);
    }

    fn end(self: Box<Self>, id: &str) -> Changed {
        let after = self.past.row.as_ref().map(Entity::show);
        let made = self.before.is_none() && after.is_some();
        Changed {
            kind: E::KIND,
            id: id.to_owned(),
            change: if made {
                ChangeKind::Made
            } else {
                ChangeKind::Changed
            },
            events: self.events,
            fields: fields(&self.before.unwrap_or_default(), &after.unwrap_or_default()),
            parked: self.past.parked,
        }
    }
}
