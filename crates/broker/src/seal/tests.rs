use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::{VaultKey, seal, unseal};

fn key(byte: u8) -> VaultKey {
    VaultKey::from_bytes([byte; 32])
}

proptest! {
    #[test]
    fn round_trip(plain: Vec<u8>, purpose in "[a-z ]{0,20}") {
        let sealed = seal(&key(1), &purpose, &plain).unwrap();
        prop_assert_eq!(unseal(&key(1), &purpose, &sealed).unwrap(), plain);
    }
}

#[test]
fn another_key_another_purpose_or_another_bit_opens_nothing() {
    let sealed = seal(&key(1), "backup", b"plain text").unwrap();
    let fault = unseal(&key(2), "backup", &sealed).unwrap_err();
    assert_eq!((fault.code(), fault.way_out()), ("seal.damaged", Some("it was changed, or sealed under another key")));
    assert!(unseal(&key(1), "backups", &sealed).is_err());
    assert!(unseal(&key(1), "", &sealed).is_err());
    for place in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[place] ^= 1 << bit;
            assert!(unseal(&key(1), "backup", &changed).is_err(), "bit {bit} of byte {place}");
        }
        assert!(unseal(&key(1), "backup", &sealed[..place]).is_err(), "cut at {place}");
    }
    assert!(unseal(&key(1), "backup", &[sealed.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn the_same_text_is_never_sealed_the_same() {
    assert_ne!(seal(&key(1), "backup", b"x").unwrap(), seal(&key(1), "backup", b"x").unwrap());
}

#[test]
fn the_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.key");
    let first = VaultKey::load_or_create(&path).ok().unwrap();
    let second = VaultKey::load_or_create(&path).ok().unwrap();
    assert_eq!(first.0.expose(), second.0.expose());
    assert_ne!(first.0.expose(), &[0; 32]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let good = fs::read_to_string(&path).unwrap();
    assert_eq!(good.len(), 45);
    for text in ["", "\n", good.get(1..).unwrap(), "c2hvcnQ=\n"] {
        fs::write(&path, text).unwrap();
        let fault = VaultKey::load_or_create(&path).err().unwrap();
        assert_eq!(fault.code(), "vault.key_damaged", "{text:?}");
        assert!(!format!("{fault:?}").contains(good.get(1..40).unwrap()), "no key in an error");
    }
    fs::write(&path, &good).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(VaultKey::load_or_create(&path).err().unwrap().code(), "file.mode");
}
