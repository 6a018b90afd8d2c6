use crate::{Algorithm, KeyError, Signer, SigningKey};

#[test]
fn a_key_is_read_back_from_its_text() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Cosignature] {
        let name = || "gateway.example/trace".parse().unwrap();
        let text = SigningKey::private_text(name(), algorithm, &[7; 32]).unwrap();
        let key = SigningKey::from_private_text(&text).unwrap();
        let same = SigningKey::from_seed(name(), algorithm, &[7; 32]).unwrap();
        assert_eq!(key.verifier_key(), same.verifier_key());
    }
}

#[test]
fn the_text_of_another_implementation_is_read() {
    // From the documentation of Go's sumdb/note.
    let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let key = SigningKey::from_private_text(text).unwrap();
    let known = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(key.verifier_key().to_string(), known);
}

#[test]
fn what_is_no_key_is_refused() {
    let id = "PRIVATE+KEY+PeterNeumann+c74f20a4+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    assert_eq!(SigningKey::from_private_text(id).err(), Some(KeyError::Id));
    let kind = "PRIVATE+KEY+PeterNeumann+c74f20a3+AoEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    assert_eq!(SigningKey::from_private_text(kind).err(), Some(KeyError::Private));
    for text in ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+b", "PRIVATE+KEY+a+b+!", "PeterNeumann+c74f20a3+AR"] {
        assert!(SigningKey::from_private_text(text).is_err(), "{text}");
    }
}
