//! A bus that loses, repeats and reorders protocol frames, and can be tapped.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_messaging::{
    Bus, BusError, Headers, LocalBus, Payload, RequestStream, Subscription,
};

#[derive(Debug)]
pub(crate) struct LossyBus {
    bus: LocalBus,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: u64,
    /// A frame that is overtaken by the next.
    held: Option<(String, Payload)>,
}

impl LossyBus {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            bus: LocalBus::new(),
            state: Mutex::new(State {
                dice: seed,
                held: None,
            }),
        }
    }

    /// What is really published in place of this frame, in order.
    fn suffer(&self, subject: &str, payload: Payload) -> Vec<(String, Payload)> {
        let mut state = self.state.lock().unwrap();
        let frame = (subject.to_owned(), payload);
        let mut out = match state.roll() {
            // Lost.
            0..20 => vec![],
            // Twice.
            20..35 => vec![frame.clone(), frame],
            // Late.
            35..55 if state.held.is_none() => {
                state.held = Some(frame);
                return vec![];
            }
            _ => vec![frame],
        };
        out.extend(state.held.take());
        out
    }
}

impl State {
    /// 0 to 99, by Sebastiano Vigna's splitmix64.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % 100
    }
}

#[async_trait]
impl Bus for LossyBus {
    async fn publish(
        &self,
        subject: &str,
        payload: Payload,
        headers: Headers,
    ) -> Result<(), BusError> {
        if !subject.starts_with("cs.v1.mpc.") {
            return self.bus.publish(subject, payload, headers).await;
        }
        for (subject, payload) in self.suffer(subject, payload) {
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
