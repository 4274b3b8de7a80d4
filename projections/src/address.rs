//! Addresses of public keys, remembered: a key signs often, and its address takes
//! longer than all else that a row needs.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use countersign_domain::bytes::PublicKey;
use countersign_domain::signature;
use lru::LruCache;

use crate::Name;

/// How many addresses each thread remembers.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).expect("more than none");

thread_local! {
    static KNOWN: RefCell<LruCache<PublicKey, Option<Name>>> =
        RefCell::new(LruCache::new(REMEMBERED));
}

/// The Ethereum address of a public key (EIP-55); none when it is no point on the
/// curve.
pub(crate) fn ethereum_address(key: &PublicKey) -> Option<Name> {
    let address = || signature::ethereum_address(key).ok().map(Name::from);
    KNOWN.with_borrow_mut(|known| known.get_or_insert(*key, address).clone())
}

#[cfg(test)]
mod tests {
    use countersign_domain::bytes::Hex;

    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_computed() {
        // The generator of the curve, and the point after it (SEC 2, 2.4.1).
        let keys: [PublicKey; 2] = [
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
        ]
        .map(|key| key.parse().expect("hex digits"));
        for key in keys.iter().chain(&keys) {
            let address = signature::ethereum_address(key).expect("a point");
            assert_eq!(ethereum_address(key).as_deref(), Some(&*address));
        }
        assert_eq!(ethereum_address(&Hex([7; 33])), None);
    }
}
