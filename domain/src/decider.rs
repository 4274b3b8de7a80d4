//! The one shape of an aggregate here: decide a command into events, evolve the
//! state by an event. `cqrs-es` gets a thin bridge on top.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An event as it is stored: its type, its version, its JSON payload.
pub trait StoredEvent:
    Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + Send + Sync
{
    /// The name of every event of the aggregate.
    const NAMES: &'static [&'static str];

    /// The name of the event, past tense.
    fn name(&self) -> &'static str;

    /// The version of the payload's shape, from 1.
    fn version(&self) -> u16 {
        1
    }

    /// Reads an event of this name from its JSON; none when the text is not one.
    #[must_use]
    fn from_text(name: &str, text: &str) -> Option<Self> {
        from_any_text(name, text)
    }
}

/// [`StoredEvent::from_text`], however the text is written.
pub(crate) fn from_any_text<E: StoredEvent>(name: &str, text: &str) -> Option<E> {
    let event: E = serde_json::from_str(text).ok()?;
    (event.name() == name).then_some(event)
}

/// Pure command handling. `decide` returns events or a typed rejection and
/// changes nothing; `evolve` cannot fail.
pub trait Decider: Default + Clone + Send + Sync + 'static {
    /// The stream category.
    const TYPE: &'static str;
    /// What can be asked.
    type Command: Send;
    /// What can have happened.
    type Event: StoredEvent;
    /// Why a command is refused.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides a command against this state.
    ///
    /// # Errors
    /// The typed rejection.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// Folds an event into the state. Total: an event that makes no sense in
    /// this state leaves it as it is.
    fn evolve(&mut self, event: &Self::Event);
}

/// Bridges a [`Decider`] and its events to `cqrs-es`.
macro_rules! cqrs_bridge {
    ($state:ty, $event:ty, $command:ty, $error:ty) => {
        impl cqrs_es::DomainEvent for $event {
            fn event_type(&self) -> String {
                crate::decider::StoredEvent::name(self).to_owned()
            }

            fn event_version(&self) -> String {
                crate::decider::StoredEvent::version(self).to_string()
            }
        }

        impl cqrs_es::Aggregate for $state {
            const TYPE: &'static str = <Self as crate::decider::Decider>::TYPE;
            type Command = $command;
            type Event = $event;
            type Error = $error;
            type Services = ();

            async fn handle(
                &mut self,
                command: Self::Command,
                (): &(),
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                for event in crate::decider::Decider::decide(self, command)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: Self::Event) {
                crate::decider::Decider::evolve(self, &event);
            }
        }
    };
}
pub(crate) use cqrs_bridge;
