//! The ends of the streams that were last appended to.

use std::collections::HashMap;

use crate::{StreamId, chain::Tail};

/// A bounded cache in two generations: when the young one is full it becomes the
/// old one, and the old one goes. What is used stays.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    young: HashMap<StreamId, Tail>,
    old: HashMap<StreamId, Tail>,
}

/// Streams in a generation.
const GENERATION: usize = 2048;

impl Tails {
    pub(crate) fn get(&self, stream: &StreamId) -> Option<Tail> {
        self.young
            .get(stream)
            .or_else(|| self.old.get(stream))
            .copied()
    }

    pub(crate) fn insert(&mut self, stream: StreamId, tail: Tail) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stream, tail);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_never_serves_an_older_tail() {
        let stream = |n: usize| StreamId::new("key", n);
        let tail = |version| Tail {
            version,
            hash: [0; 32],
        };
        let mut tails = Tails::default();
        tails.insert(stream(0), tail(1));
        for n in 1..GENERATION {
            tails.insert(stream(n), tail(1));
        }
        tails.insert(stream(0), tail(2));
        assert_eq!(tails.get(&stream(0)), Some(tail(2)));
        assert_eq!(tails.get(&stream(1)), Some(tail(1)));
        for n in 0..2 * GENERATION {
            tails.insert(stream(GENERATION + n), tail(1));
        }
        assert_eq!(tails.get(&stream(1)), None);
        assert!(tails.young.len() + tails.old.len() <= 2 * GENERATION);
    }
}
