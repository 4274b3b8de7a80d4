//! Command endpoints, command handling and the session coordinator.
