//! The aggregates, intents and decisions of Countersign: no input or output, no clock, no randomness.
