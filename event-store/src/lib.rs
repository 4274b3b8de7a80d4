//! The event log: one contract, its adapters, catch-up subscriptions.
