//! A bus that does to protocol frames what a network, or somebody in it, can do.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_messaging::frame::{FrameHeader, peek_header};
use countersign_messaging::{
    Bus, BusError, Headers, LocalBus, Payload, RequestStream, Subscription,
};

/// A frame and where it goes.
type Frame = (String, Payload);

/// What is published in place of a frame, in order.
type Fate = Box<dyn FnMut(Frame) -> Vec<Frame> + Send>;

pub(crate) struct FaultyBus {
    bus: LocalBus,
    fate: Mutex<Fate>,
}

impl FaultyBus {
    /// Loses, repeats and reorders, as the seed says.
    pub(crate) fn lossy(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut held: Option<Frame> = None;
        Self::with(move |frame| {
            let mut out = match dice.percent() {
                // Lost.
                0..20 => vec![],
                // Twice.
                20..35 => vec![frame.clone(), frame],
                // Overtaken by the next.
                35..55 if held.is_none() => {
                    held = Some(frame);
                    return vec![];
                }
                _ => vec![frame],
            };
            out.extend(held.take());
            out
        })
    }

    /// Carries only frames that `carries` says yes to; it sees the receiver, and
    /// the header.
    pub(crate) fn filtered(carries: impl Fn(&str, &FrameHeader) -> bool + Send + 'static) -> Self {
        Self::with(move |frame| {
            let receiver = frame.0.rsplit('.').next().unwrap();
            let carried = carries(receiver, &peek_header(&frame.1).unwrap());
            if carried { vec![frame] } else { vec![] }
        })
    }

    fn with(fate: impl FnMut(Frame) -> Vec<Frame> + Send + 'static) -> Self {
        Self {
            bus: LocalBus::new(),
            fate: Mutex::new(Box::new(fate)),
        }
    }
}

impl fmt::Debug for FaultyBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyBus")
    }
}

/// Sebastiano Vigna's splitmix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn percent(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % 100
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn publish(
        &self,
        subject: &str,
        payload: Payload,
        headers: Headers,
    ) -> Result<(), BusError> {
        if !subject.starts_with("cs.v1.mpc.") {
            return self.bus.publish(subject, payload, headers).await;
        }
        let frames = (self.fate.lock().unwrap())((subject.to_owned(), payload));
        for (subject, payload) in frames {
            self.bus
                .publish(&subject, payload, Headers::default())
                .await?;
        }
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        self.bus.subscribe(subject).await
    }

    async fn request(
        &self,
        subject: &str,
        payload: Payload,
        timeout: Duration,
    ) -> Result<Payload, BusError> {
        self.bus.request(subject, payload, timeout).await
    }

    async fn serve(&self, subject: &str, queue: &str) -> Result<RequestStream, BusError> {
        self.bus.serve(subject, queue).await
    }
}
