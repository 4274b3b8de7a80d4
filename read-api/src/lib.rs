//! Query endpoints over the read models and the event log.
