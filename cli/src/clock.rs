//! Where time and entropy enter the system: here, and nowhere else.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_domain::Timestamp;

/// The present.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_timestamp_micros(micros).unwrap_or_default()
}

/// A clock as the services take it.
pub(crate) fn clock() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    Arc::new(now)
}

/// `N` bytes from the operating system.
///
/// # Panics
/// When the operating system has no entropy: nothing here may go on then.
pub(crate) fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives entropy");
    bytes
}
