use super::*;

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_seed("example.com/log".parse().unwrap(), algorithm, &[1; SEED_BYTES]).unwrap()
}

#[test]
fn a_verifier_key_has_one_text() {
    for (algorithm, kind) in [(Algorithm::Ed25519, "AYqI"), (Algorithm::Cosignature, "BIqI")] {
        let public = key(algorithm).public;
        let text = public.to_string();
        assert!(text.starts_with("example.com/log+") && text.contains(&format!("+{kind}")), "{text}");
        assert_eq!(text.parse(), Ok(public));
    }
    assert_ne!(key(Algorithm::Ed25519).public.id(), key(Algorithm::Cosignature).public.id());
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let right = key(Algorithm::Ed25519).public.to_string();
    let (id, encoded) = right.strip_prefix("example.com/log+").unwrap().split_once('+').unwrap();
    let check = |text: &str, expect| assert_eq!(text.parse::<VerifierKey>().unwrap_err(), expect, "{text}");
    check("", KeyError::Format);
    check("example.com/log", KeyError::Format);
    check(&format!("example.com/log+{id}"), KeyError::Format);
    check(&format!("+{id}+{encoded}"), KeyError::Name);
    check(&format!("two words+{id}+{encoded}"), KeyError::Name);
    check(&format!("{}+{id}+{encoded}", "n".repeat(KEY_NAME_BYTES_MAX + 1)), KeyError::Name);
    check(&format!("example.com/other+{id}+{encoded}"), KeyError::Id);
    check(&format!("example.com/log+00000000+{encoded}"), KeyError::Id);
    check(
        &format!("example.com/log+{}+{encoded}", &id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")),
        KeyError::Format,
    );
    check(&format!("example.com/log+0{id}+{encoded}"), KeyError::Format);
    check(&format!("example.com/log+{id}+{encoded}="), KeyError::Format);
    check(&format!("example.com/log+{id}+"), KeyError::Format);
    check(&format!("example.com/log+{id}+{}", text::base64(&[1; 32])), KeyError::Length);
    check(&format!("example.com/log+{id}+{}", text::base64(&[6; 33])), KeyError::Algorithm(6));
    let sentence = KeyError::Algorithm(6).to_string();
    assert_eq!(sentence, "keys of type 0x06 are not known, only Ed25519 (0x01) and its cosignatures (0x04)");
}

#[test]
fn names_are_one_word() {
    for right in ["a", "example.com/log", "ключ", &"n".repeat(KEY_NAME_BYTES_MAX)] {
        assert_eq!(right.parse::<KeyName>().unwrap().as_str(), right);
    }
    for wrong in ["", " ", "a b", "a+b", "a\nb", "a\tb", "a\u{a0}b", "a\u{2003}b", "a\u{1}"] {
        assert_eq!(wrong.parse::<KeyName>(), Err(KeyError::Name), "{wrong:?}");
    }
}

#[test]
fn a_key_checks_what_it_signed_and_nothing_else() {
    let signer = key(Algorithm::Ed25519);
    let mut signature = signer.sign(b"message").unwrap();
    assert!(signer.public.accepts(b"message", &signature));
    assert!(!signer.public.accepts(b"messagE", &signature));
    assert!(!signer.public.accepts(b"message", &signature[..63]));
    signature[0] ^= 1;
    assert!(!signer.public.accepts(b"message", &signature));
    // Not a point of the curve.
    let nobody = VerifierKey::new("nobody".parse().unwrap(), Algorithm::Ed25519, [0xff; PUBLIC_BYTES]);
    assert!(!nobody.accepts(b"message", &signature));
}

#[test]
fn a_pkcs8_document_is_the_same_key() {
    let seed = [9; SEED_BYTES];
    let name = || "example.com".parse::<KeyName>().unwrap();
    let document = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().to_pkcs8v1().unwrap();
    let key = SigningKey::from_pkcs8(name(), Algorithm::Ed25519, document.as_ref()).unwrap();
    let other = SigningKey::from_seed(name(), Algorithm::Ed25519, &seed).unwrap();
    assert_eq!(key.verifier_key(), other.verifier_key());
    assert_eq!(SigningKey::from_pkcs8(name(), Algorithm::Ed25519, b"no key").err(), Some(KeyError::Private));
}
