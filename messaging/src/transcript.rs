//! What a signature covers.

use sha2::{Digest as _, Sha256};

/// The message that is signed for these parts: the domain tag, and a SHA-256
/// over the tag and every part, each with its length before it.
///
/// The lengths keep bytes from moving between parts, the tag keeps a signature
/// made for one purpose from serving another, and hashing first spares large
/// bodies the two passes (and the contiguous copy) that Ed25519 would need.
pub(crate) fn signing_input(tag: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in std::iter::once(tag.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut message = Vec::with_capacity(tag.len() + 1 + 32);
    message.extend_from_slice(tag.as_bytes());
    message.push(b'\n');
    message.extend_from_slice(&hash.finalize());
    message
}

#[cfg(test)]
mod tests {
    use super::signing_input;

    #[test]
    fn bytes_cannot_move_between_parts_or_tags() {
        let plain = signing_input("tag", &[b"ab", b"c"]);
        assert_ne!(plain, signing_input("tag", &[b"a", b"bc"]));
        assert_ne!(plain, signing_input("tag", &[b"abc"]));
        assert_ne!(plain, signing_input("tag", &[b"ab", b"c", b""]));
        assert_ne!(plain, signing_input("taga", &[b"b", b"c"]));
    }
}
