use std::sync::Arc;

use http::HeaderName;
use identity::{KeyRequest, VendorKey};
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
    let access = VendorAccess::new(Arc::clone(&keys), Arc::new(directory), Arc::new(Noon));
    (access, keys, key, text.expose().clone())
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
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
