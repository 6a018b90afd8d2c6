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
