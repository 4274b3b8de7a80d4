//! What a worker will hold, and how long it will wait.

use std::time::Duration;

use countersign_messaging::presence::HEARTBEAT_EVERY;

/// Bounds of one worker. What goes beyond a bound is dropped and counted, never
/// kept: the protocols ask again for what they miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in memory, running or waiting.
    pub sessions: usize,
    /// Invitations that are being looked at.
    pub admissions: usize,
    /// Attempts in their rounds. Each holds a share and what it has sent.
    pub ceremonies: usize,
    /// Frames that one session has not looked at yet.
    pub frames_per_session: usize,
    /// Bytes of frames that all sessions together have not looked at yet.
    pub buffered_bytes: usize,
    /// Starts of sessions whose invitation has not come yet.
    pub early_starts: usize,
    /// How long such a start is remembered.
    pub early_start_age: Duration,
    /// How long nothing must arrive before the awaited are asked again.
    pub quiet: Duration,
    /// To what that interval grows, doubling.
    pub quiet_max: Duration,
    /// How long an awaited signer may say nothing at all.
    pub silence_sign: Duration,
    /// How long an awaited party of a key generation may say nothing at all, for
    /// small keys; see [`silence_keygen`](Self::silence_keygen).
    pub silence_keygen_base: Duration,
    /// How long a finished attempt goes on answering its peers.
    pub linger: Duration,
    /// How long the signers behind the first leave it to that one to report.
    pub report_stagger: Duration,
    /// The longest that a session is kept, whatever its deadline.
    pub session_age: Duration,
    /// How long the coordinator has to answer one request.
    pub request_timeout: Duration,
    /// The first pause before a request is repeated; it doubles.
    pub backoff: Duration,
    /// The longest such pause.
    pub backoff_max: Duration,
    /// How often a heartbeat is sent.
    pub heartbeat: Duration,
    /// How long attempts may go on after the worker was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 1024,
            admissions: 1024,
            ceremonies: 128,
            frames_per_session: 1024,
            buffered_bytes: 64 << 20,
            early_starts: 256,
            early_start_age: Duration::from_secs(30),
            quiet: Duration::from_millis(200),
            quiet_max: Duration::from_secs(2),
            silence_sign: Duration::from_secs(5),
            silence_keygen_base: Duration::from_secs(30),
            linger: Duration::from_secs(30),
            report_stagger: Duration::from_millis(100),
            session_age: Duration::from_secs(3600),
            request_timeout: Duration::from_secs(3),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            heartbeat: HEARTBEAT_EVERY,
            drain: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// How long an awaited party of a key generation may say nothing at all. Its
    /// last step takes a time that grows with the parties, and a machine that
    /// holds several of them takes it once for each.
    #[must_use]
    pub fn silence_keygen(&self, parties: u8) -> Duration {
        let pairs = u32::from(parties) * u32::from(parties);
        self.silence_keygen_base + Duration::from_millis(100) * pairs
    }
}
