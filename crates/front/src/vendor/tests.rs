use std::sync::Arc;

use http::{HeaderName, Request};
use identity::{Certificate, KeyRequest, Registered, SigningKey, Tokens, VendorKey, VendorKeys};
use model::{Agent, DirectorySnapshot, HumanId, UnixMicros};

use super::*;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_790_000_000_000_000)
    }
}

fn world() -> (VendorAccess, Arc<VendorKeys>, VendorKey, String) {
    let keys = Arc::new(VendorKeys::default());
    let request = KeyRequest {
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-2026").unwrap(),
        purpose: Some(Arc::from("background screening")),
        life: None,
    };
    let (key, text) = keys.make(request, "test", Noon.now()).unwrap();
    keys.put(key.clone());
    let agent = Agent {
        id: AgentId::parse("acme-screening").unwrap(),
        name: "Acme Screening".to_owned(),
        owner: HumanId::parse("ana").unwrap(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let directory =
        DirectorySnapshot { agents: [(agent.id.clone(), Arc::new(agent))].into(), ..DirectorySnapshot::default() };
    let refusals = Arc::new(Refusals::default());
    let folder = tempfile::tempdir().unwrap();
    let signing = SigningKey::load_or_create(&folder.path().join("key")).unwrap();
    let tokens = Arc::new(Tokens::new(signing, "http://gateway.test".to_owned()));
    let tokens = Arc::new(VendorTokens::new(tokens, Arc::clone(&keys), &["http://gateway.test"], []));
    let access = VendorAccess::new(tokens, Arc::new(directory), Arc::new(Noon), refusals);
    (access, keys, key, text.expose().clone())
}

fn headers(pairs: &[(&str, &str)]) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.headers = pairs
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    head
}

#[test]
fn the_key_says_who_asks_under_which_contract_and_no_header_does() {
    let (access, _, key, text) = world();
    let bearer = format!("Bearer {text}");
    let others = [("x-vendor", "other"), ("x-contract", "other"), ("x-purpose", "marketing"), ("from", "other")];
    for presented in [("authorization", bearer.as_str()), ("x-api-key", text.as_str())] {
        let mut all = others.to_vec();
        all.push(presented);
        let known = access.authenticate(&headers(&all)).unwrap();
        assert_eq!((known.vendor.as_str(), known.contract.as_str()), ("acme-screening", "acme-2026"));
        assert_eq!(known.purpose.as_deref(), Some("background screening"));
        let actor = &known.actor;
        assert_eq!(
            (actor.agent.as_str(), actor.human.as_str(), actor.task.as_str()),
            ("acme-screening", "ana", "acme-2026")
        );
        assert_eq!(actor.token_id, key.id);
    }
}

// INVARIANT: a key that is revoked stops the very next call.
#[test]
fn a_revoked_key_stops_the_very_next_request() {
    let (access, keys, key, text) = world();
    let bearer = headers(&[("authorization", &format!("Bearer {text}"))]);
    assert!(access.authenticate(&bearer).is_ok());
    keys.put(VendorKey { revoked_at: Some(Noon.now()), ..key });
    assert_eq!(access.authenticate(&bearer).unwrap_err().status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn what_is_not_one_key_is_no_key() {
    let (access, _, _, text) = world();
    let (bearer, basic) = (format!("Bearer {text}"), format!("Basic {text}"));
    let twice = [("authorization", bearer.as_str()), ("x-api-key", text.as_str())];
    for refused in [
        &[][..],
        &twice,
        &[("authorization", &basic)],
        &[("authorization", &text)],
        &[("authorization", "Bearer csk_x")],
    ] {
        let response = access.authenticate(&headers(refused)).unwrap_err();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{refused:?}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}

fn certificate(of: u8) -> Certificate {
    let now = Noon.now().0;
    let (starts_at, ends_at) = (UnixMicros(now - 1), UnixMicros(now + 1_000_000));
    Certificate { digest: model::Digest::new([of; 32]), starts_at, ends_at }
}

fn with_certificate(mut head: Parts, of: u8) -> Parts {
    head.extensions.insert(PeerCertificate(certificate(of).digest));
    head
}

// INVARIANT: a certificate lets in the vendor that it is registered for, and nobody else.
#[test]
fn a_certificate_that_is_registered_says_who_asks() {
    let (access, keys, _, text) = world();
    let request = |purpose: &str| KeyRequest {
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-2026").unwrap(),
        purpose: Some(Arc::from(purpose)),
        life: None,
    };
    for (of, purpose) in [(1, "background screening"), (2, "marketing")] {
        let entry = keys.register(request(purpose), Registered::Certificate(certificate(of)), "test", Noon.now());
        keys.put(entry.unwrap());
    }
    let known = |head: Parts| access.authenticate(&head).map(|known| known.purpose.unwrap().to_string());
    assert_eq!(known(with_certificate(headers(&[]), 1)).unwrap(), "background screening");
    assert_eq!(known(with_certificate(headers(&[]), 2)).unwrap(), "marketing");
    assert!(known(with_certificate(headers(&[]), 3)).is_err(), "one that nobody registered");
    // Beside a key it must say the same, or be nobody's.
    let bearer = format!("Bearer {text}");
    let key = || headers(&[("authorization", &bearer)]);
    assert!(known(with_certificate(key(), 1)).is_ok() && known(with_certificate(key(), 3)).is_ok());
    assert!(known(with_certificate(key(), 2)).is_err(), "two that say different things");
    let wrong = headers(&[("authorization", "Bearer csk_x")]);
    assert!(known(with_certificate(wrong, 1)).is_err(), "a wrong key is not made good by a certificate");
    // Nor does what names it in text.
    let digest = certificate(1).digest.to_string();
    assert!(known(headers(&[("x-client-cert-sha256", &digest), ("x-api-key", &digest)])).is_err());
    let entry = keys.list().into_iter().find(|key| key.digest == certificate(1).digest).unwrap();
    keys.put(VendorKey { revoked_at: Some(Noon.now()), ..VendorKey::clone(&entry) });
    assert!(known(with_certificate(headers(&[]), 1)).is_err(), "one that was revoked");
}

#[test]
fn who_is_turned_away_is_noted_with_why() {
    let (access, keys, key, text) = world();
    let bearer = headers(&[("authorization", &format!("Bearer {text}"))]);
    let known = access.authenticate(&bearer).unwrap();
    access.not_understood(&known, &Fault::new(model::Blame::Caller, "caller.target", "it is no address"));
    keys.put(VendorKey { revoked_at: Some(Noon.now()), ..key.clone() });
    access.authenticate(&bearer).unwrap_err();
    let said = format!("{:?}", access.refusals);
    for part in ["address:local", "vendor.revoked_key", "vendor:acme-screening", "caller.target", &key.id] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains(&text));
}
