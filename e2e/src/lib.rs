//! Tests and benchmarks of the whole system.
