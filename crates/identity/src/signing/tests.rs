use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{SigningKey, from_pem, new_document, to_pem};

#[test]
fn the_same_file_is_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let first = SigningKey::load_or_create(&path).ok().unwrap();
    let second = SigningKey::load_or_create(&path).ok().unwrap();
    assert_eq!(first.jwk(), second.jwk());
    assert_ne!(first.id(), SigningKey::generate().id());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n") && text.ends_with("\n-----END PRIVATE KEY-----\n"));
}

#[test]
fn the_thumbprint_is_that_of_rfc_8037() {
    // The private key of RFC 8037, appendix A.1, and its thumbprint, appendix A.3.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let pkcs8: Vec<u8> = format!("302e020100300506032b657004220420{seed}")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let key = SigningKey::from_pkcs8(&pkcs8).unwrap();
    assert_eq!(key.jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    SigningKey::load_or_create(&path).ok().unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let cut = good.replace("MC4C", "MC4");
    for text in ["", "hello", &cut, &good.replace("PRIVATE KEY", "EC PRIVATE KEY"), &format!("{good}{good}")] {
        fs::write(&path, text).unwrap();
        let fault = SigningKey::load_or_create(&path).err().unwrap();
        assert_eq!(fault.code(), "key.damaged", "{text}");
        assert!(!format!("{fault:?}").contains("MC4"), "no key in an error");
    }
}

#[test]
fn pem_round_trip() {
    let document = new_document().ok().unwrap();
    assert_eq!(from_pem(&to_pem(document.expose())).unwrap().expose(), document.expose());
}
