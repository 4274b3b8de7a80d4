use super::*;

#[test]
fn both_ends_export_the_same_for_one_purpose_only() {
    let key = private_key(&[1; KEY]);
    let (encapsulated, exported) = export_to(&public_key(&key), b"info", b"label").unwrap();
    let from = |key: &PrivateKey, info: &[u8], label: &[u8]| {
        export_from(key, &encapsulated, info, label).unwrap()
    };
    assert_eq!(from(&key, b"info", b"label"), exported);
    assert_ne!(from(&key, b"other", b"label"), exported);
    assert_ne!(from(&key, b"info", b"other"), exported);
    assert_ne!(from(&private_key(&[2; KEY]), b"info", b"label"), exported);
}

#[test]
fn each_export_is_of_a_key_of_its_own() {
    let key = public_key(&private_key(&[1; KEY]));
    let [one, two] = [(); 2].map(|()| export_to(&key, b"info", b"label").unwrap());
    assert_ne!(one.0, two.0);
    assert_ne!(one.1, two.1);
}

#[test]
fn a_key_that_gives_no_secrecy_is_refused() {
    assert!(export_to(&[0; KEY], b"info", b"label").is_err());
    let key = private_key(&[1; KEY]);
    assert!(export_from(&key, &[0; KEY], b"info", b"label").is_err());
    assert!(export_from(&key, &[1; KEY - 1], b"info", b"label").is_err());
}
