use super::*;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn a_password_fits_its_own_hash_only() {
    let hash = PasswordHash::of(&secret("correct horse battery")).unwrap();
    assert!(hash.fits(&secret("correct horse battery")).unwrap());
    assert!(!hash.fits(&secret("correct horse batterz")).unwrap());
    assert!(!hash.fits(&secret("")).unwrap());
    assert_ne!(PasswordHash::of(&secret("correct horse battery")).unwrap(), hash, "each has a salt of its own");
}

#[test]
fn a_hash_is_read_back_as_it_was_written() {
    let hash = PasswordHash::of(&secret("correct horse battery")).unwrap();
    assert_eq!(PasswordHash::from_phc(&hash.to_phc()), Some(hash));
    for damaged in ["", "$argon2id$v=19$m=19456,t=2,p=1$$", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA"] {
        assert_eq!(PasswordHash::from_phc(damaged), None, "{damaged}");
    }
}

/// As the reference implementation makes it (PyPI `argon2-cffi`).
#[test]
fn others_hash_the_same() {
    let phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$iPOQ5f2O21FsjnBvo1AiFcDuSXciCnKUrXFO+yfgNoM";
    let hash = PasswordHash::from_phc(phc).unwrap();
    assert!(hash.fits(&secret("correct horse battery")).unwrap());
}

#[test]
fn nobodys_password_fits_nothing() {
    assert!(!PasswordHash::of_nobody().fits(&secret("correct horse battery")).unwrap());
}

#[test]
fn a_password_is_long_enough_and_nothing_else_is_asked() {
    assert!(check(&secret("aaaaaaaaaaaa")).is_ok());
    assert!(check(&secret("äöüäöüäöüäöü")).is_ok(), "characters count, not bytes");
    assert_eq!(check(&secret("aaaaaaaaaaa")).unwrap_err().code(), "people.password");
    assert_eq!(check(&secret(&"a".repeat(PASSWORD_BYTES_MAX + 1))).unwrap_err().code(), "people.password");
}
