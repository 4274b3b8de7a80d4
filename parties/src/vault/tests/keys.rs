//! Reading master keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::vault::{MasterKey, MasterKeyError};

/// Bytes whose base64 has characters that differ between the alphabets.
fn bytes() -> [u8; 32] {
    std::array::from_fn(|i| [0xfb, 0xef, 0xff][i % 3])
}

#[test]
fn a_key_is_read_from_hex_and_from_every_base64() {
    let expected = hex::encode(bytes());
    for text in [
        expected.clone(),
        expected.to_uppercase(),
        format!("  {expected}\r\n"),
        STANDARD.encode(bytes()),
        STANDARD_NO_PAD.encode(bytes()),
        URL_SAFE.encode(bytes()),
        format!("{}\n", URL_SAFE_NO_PAD.encode(bytes())),
    ] {
        let key = MasterKey::from_text(&text).unwrap();
        assert_eq!(*key.to_hex(), expected, "{text}");
    }
}

#[test]
fn a_key_file_is_read_back() {
    let key = MasterKey::generate(bytes());
    let again = MasterKey::from_text(&key.to_hex()).unwrap();
    assert_eq!(again.to_hex(), key.to_hex());
}

#[test]
fn what_is_no_key_is_refused_with_the_cure_and_not_repeated() {
    let hex = hex::encode(bytes());
    for (text, expected) in [
        ("", MasterKeyError::Empty),
        (" \n", MasterKeyError::Empty),
        (&hex[..62], MasterKeyError::Length { got: 31 }),
        (&hex[..63], MasterKeyError::Length { got: 31 }),
        (
            &STANDARD.encode([0xfb; 33]),
            MasterKeyError::Length { got: 33 },
        ),
        ("correct horse battery staple", MasterKeyError::Encoding),
        (&format!("{}g", &hex[..63]), MasterKeyError::Encoding),
    ] {
        let error = MasterKey::from_text(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(error.to_string().contains("openssl rand -hex 32"));
        assert!(text.trim().is_empty() || !format!("{error} {error:?}").contains(text));
    }
}
