use super::*;

const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);

fn request() -> KeyRequest {
    KeyRequest {
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-screening-2026").unwrap(),
        purpose: Some(Arc::from("background screening")),
        life: Some(Duration::from_secs(60)),
    }
}

fn later(seconds: i64) -> UnixMicros {
    UnixMicros(NOW.0 + seconds * 1_000_000)
}

#[test]
fn a_key_is_good_from_when_it_was_put_until_it_ends_or_is_revoked() {
    let keys = VendorKeys::default();
    let (key, text) = keys.make(request(), "os-user:ana", NOW).unwrap();
    let text = text.expose();
    assert_eq!(keys.recognise(text, NOW), Err(KeyError::Unknown));
    keys.put(key.clone());
    assert_eq!(*keys.recognise(text, later(59)).unwrap(), key);
    assert_eq!(keys.recognise(text, later(60)), Err(KeyError::Ended(Arc::clone(&key.id))));
    keys.put(VendorKey { revoked_at: Some(later(5)), ..key.clone() });
    assert_eq!(keys.recognise(text, later(6)), Err(KeyError::Revoked(Arc::clone(&key.id))));
}

#[test]
fn nothing_that_is_kept_lets_anybody_in() {
    let keys = VendorKeys::default();
    let (key, text) = keys.make(request(), "os-user:ana", NOW).unwrap();
    let row = key.row().unwrap();
    let secret = text.expose().rsplit_once('_').map(|(_, secret)| secret.to_owned());
    let secret =
        secret.filter(|secret| secret.len() >= 40).or_else(|| text.expose().get(13..).map(str::to_owned)).unwrap();
    assert!(!row.contains(&secret), "{row}");
    keys.put(key.clone());
    for other in [&*key.id, &key.digest.to_string(), "", "csk_", &format!("{}x", text.expose())] {
        assert_eq!(keys.recognise(other, NOW), Err(KeyError::Unknown), "{other}");
    }
}

#[test]
fn keys_survive_a_restart() {
    let keys = VendorKeys::default();
    let (key, text) = keys.make(request(), "os-user:ana", NOW).unwrap();
    let rows = [(key.id.to_string(), key.row().unwrap())];
    let again = VendorKeys::from_rows(rows).unwrap();
    assert_eq!(*again.recognise(text.expose(), NOW).unwrap(), key);
    assert_eq!(again.list().len(), 1);
    assert_eq!(again.of_id(&key.id).as_deref(), Some(&key));
    assert!(VendorKeys::from_rows([("k".to_owned(), "{}".to_owned())]).is_err());
}

fn certificate(of: u8) -> Certificate {
    Certificate { digest: Digest::new([of; 32]), starts_at: NOW, ends_at: later(30) }
}

fn registered(keys: &VendorKeys, what: Registered) -> VendorKey {
    let key = keys.register(request(), what, "os-user:ana", NOW).unwrap();
    keys.put(key.clone());
    key
}

#[test]
fn a_certificate_is_good_no_longer_than_it_says_itself() {
    let keys = VendorKeys::default();
    let key = registered(&keys, Registered::Certificate(certificate(1)));
    assert_eq!(key.ends_at, Some(later(30)), "not the 60 s that were asked for");
    let digest = certificate(1).digest;
    assert!(keys.recognise_certificate(&digest, later(29)).is_ok());
    assert_eq!(keys.recognise_certificate(&digest, later(30)), Err(KeyError::Ended(Arc::clone(&key.id))));
    assert_eq!(keys.recognise_certificate(&certificate(2).digest, NOW), Err(KeyError::Unknown));
    for now in [UnixMicros(NOW.0 - 1), later(30)] {
        assert!(keys.register(request(), Registered::Certificate(certificate(2)), "x", now).is_err());
    }
}

#[test]
fn a_certificate_stands_for_one_thing_at_a_time() {
    let keys = VendorKeys::default();
    let first = registered(&keys, Registered::Certificate(certificate(1)));
    assert!(keys.register(request(), Registered::Certificate(certificate(1)), "x", NOW).is_err());
    keys.put(VendorKey { revoked_at: Some(NOW), ..first.clone() });
    assert_eq!(keys.recognise_certificate(&first.digest, NOW), Err(KeyError::Revoked(Arc::clone(&first.id))));
    let second = registered(&keys, Registered::Certificate(certificate(1)));
    assert_eq!(keys.recognise_certificate(&first.digest, NOW).unwrap().id, second.id);
    let rows = keys.list().into_iter().map(|key| (key.id.to_string(), key.row().unwrap()));
    let again = VendorKeys::from_rows(rows).unwrap();
    assert_eq!(again.recognise_certificate(&first.digest, NOW).unwrap().id, second.id);
    assert_eq!(again.list().len(), 2);
}

// INVARIANT: what is known of one kind lets nobody in as another: a digest or a public key are no secrets.
#[test]
fn what_is_kept_of_one_kind_is_worthless_as_another() {
    let keys = VendorKeys::default();
    let (key, text) = keys.make(request(), "os-user:ana", NOW).unwrap();
    keys.put(key.clone());
    let public = PublicKey::read(include_str!("public_key/ed25519.pem")).unwrap();
    let signs = registered(&keys, Registered::PublicKey(public));
    assert_eq!(keys.recognise_certificate(&key.digest, NOW), Err(KeyError::Unknown));
    assert_eq!(keys.recognise_certificate(&signs.digest, NOW), Err(KeyError::Unknown));
    assert!(keys.recognise(text.expose(), NOW).is_ok());
    let again = VendorKeys::from_rows([(signs.id.to_string(), signs.row().unwrap())]).unwrap();
    assert_eq!(again.of_id(&signs.id).as_deref(), Some(&signs));
}

#[test]
fn keys_that_are_over_make_room_for_others() {
    let row = |number: usize, vendor: &str, ends: i64, revoked: Option<i64>| {
        let key = VendorKey {
            id: Arc::from(format!("k{number}")),
            vendor: VendorId::parse(vendor).unwrap(),
            contract: ContractId::parse("c").unwrap(),
            purpose: None,
            presented: Presented::Text,
            digest: digest_of(&number.to_be_bytes()),
            issued_at: NOW,
            issued_by: "x".to_owned(),
            ends_at: Some(later(ends)),
            revoked_at: revoked.map(later),
        };
        (key.id.to_string(), key.row().unwrap())
    };
    // The first of all is the only one of its vendor, the third was revoked before the second ended.
    let first = [row(0, "alone", -9, None), row(1, "acme", -3, None), row(2, "acme", 9, Some(-5))];
    let good = (3..VENDOR_KEYS_MAX).map(|number| row(number, "acme", 9, None));
    let keys = VendorKeys::from_rows(first.into_iter().chain(good)).unwrap();
    for over in ["k2", "k1"] {
        assert_eq!(keys.makes_room(NOW).as_deref(), Some(over));
        let (key, _) = keys.make(request(), "os-user:ana", NOW).unwrap();
        keys.forget(over);
        assert_eq!(keys.makes_room(NOW), None, "there is room");
        keys.put(key);
        assert_eq!((keys.list().len(), keys.of_id(over)), (VENDOR_KEYS_MAX, None));
    }
    assert_eq!(keys.makes_room(NOW), None, "whoever had a key is known");
    let full = keys.make(request(), "os-user:ana", NOW).map(drop).unwrap_err();
    assert!(full.to_string().contains("there are 10000 keys that are good"), "{full}");
    let certificate = Registered::Certificate(certificate(1));
    assert!(keys.register(request(), certificate, "os-user:ana", NOW).is_err());
}

#[test]
fn a_row_of_before_is_a_key() {
    let row = r#"{"id":"k1","vendor":"acme","contract":"acme","digest":"sha256:0101010101010101010101010101010101010101010101010101010101010101","issued_at":1,"issued_by":"x"}"#;
    let keys = VendorKeys::from_rows([("k1".to_owned(), row.to_owned())]).unwrap();
    assert_eq!(keys.of_id("k1").unwrap().presented, Presented::Text);
}
