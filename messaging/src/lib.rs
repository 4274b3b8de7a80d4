//! Subjects, wire envelopes, frame sealing and the bus.
