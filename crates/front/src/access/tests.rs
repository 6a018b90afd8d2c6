use std::time::Duration;

use identity::{KeyRequest, SigningKey, TokenRequest, VendorKey, VendorKeys, VendorTokens};
use model::{Agent, AgentId, ContractId, DirectorySnapshot, Human, HumanId, UnixMicros, VendorId};

use super::*;
use crate::refusals::Refusals;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMicros {
        UnixMicros(1_790_000_000_000_000)
    }
}

fn directory(owner_is_there: bool) -> Arc<dyn Directory> {
    let ana = Human {
        id: HumanId::parse("ana").unwrap(),
        name: "Ana".to_owned(),
        department: None,
        seniority: None,
        role: None,
        manager: None,
        active: owner_is_there,
    };
    let agent = |id: &str| Agent {
        id: AgentId::parse(id).unwrap(),
        name: id.to_owned(),
        owner: ana.id.clone(),
        model_tier: None,
        recommend_only: false,
        active: true,
    };
    let agents = ["desk", "acme-screening", "keyless"].map(agent);
    Arc::new(DirectorySnapshot {
        vendors: ["keyless"].map(|id| AgentId::parse(id).unwrap()).into(),
        agents: agents.into_iter().map(|agent| (agent.id.clone(), Arc::new(agent))).collect(),
        humans: [(ana.id.clone(), Arc::new(ana))].into(),
        ..DirectorySnapshot::default()
    })
}

/// Both ways in, and a key of the vendor.
fn world(directory: &Arc<dyn Directory>) -> (Access, Arc<Tokens>, Arc<VendorKeys>, VendorKey, String) {
    let folder = tempfile::tempdir().unwrap();
    let signing = SigningKey::load_or_create(&folder.path().join("token.key")).unwrap();
    let tokens = Arc::new(Tokens::new(signing, "http://127.0.0.1:4100".to_owned()));
    let keys = Arc::new(VendorKeys::default());
    let request = KeyRequest {
        vendor: VendorId::parse("acme-screening").unwrap(),
        contract: ContractId::parse("acme-2026").unwrap(),
        purpose: None,
        life: None,
    };
    let (key, text) = keys.make(request, "test", Noon.now()).unwrap();
    keys.put(key.clone());
    let vendor_tokens = VendorTokens::new(Arc::clone(&tokens), Arc::clone(&keys), &["http://127.0.0.1:4100"], []);
    let refusals = Arc::new(Refusals::default());
    let vendors = VendorAccess::new(Arc::new(vendor_tokens), Arc::clone(directory), Arc::new(Noon), refusals);
    let clock = Arc::new(Noon);
    let access = Access::new(Arc::clone(&tokens), Arc::clone(directory), clock, "http://127.0.0.1:4100");
    (access.with_vendors(vendors), tokens, keys, key, text.expose().clone())
}

fn bearer(text: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {text}")).unwrap())])
}

#[test]
fn a_vendors_agent_comes_in_with_its_key_and_is_under_its_contract() {
    let (access, _, keys, key, text) = world(&directory(true));
    let known = access.authenticate(&bearer(&text), &Extensions::new(), None).unwrap();
    let vendor = known.vendor.unwrap();
    assert_eq!((vendor.contract.as_str(), known.actor.agent.as_str()), ("acme-2026", "acme-screening"));
    assert_eq!(known.inactive, None);
    assert!(access.authenticate(&bearer("csk_guessed"), &Extensions::new(), None).is_err());
    keys.put(VendorKey { revoked_at: Some(Noon.now()), ..key });
    let refused = access.authenticate(&bearer(&text), &Extensions::new(), None).unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let (gone, _, _, _, text) = world(&directory(false));
    assert!(gone.authenticate(&bearer(&text), &Extensions::new(), None).unwrap().inactive.is_some());
}

// INVARIANT: no token leads around a contract.
#[test]
fn a_token_for_a_vendors_agent_is_not_taken() {
    let (access, tokens, ..) = world(&directory(true));
    let authenticate = |agent: &str| {
        let request = TokenRequest {
            agent: AgentId::parse(agent).unwrap(),
            human: HumanId::parse("ana").unwrap(),
            audience: "http://127.0.0.1:4100/mcp".to_owned(),
            life: Duration::from_secs(60),
            task: None,
        };
        access.authenticate(&bearer(&tokens.issue(&request, &Noon).unwrap()), &Extensions::new(), None)
    };
    assert!(authenticate("desk").unwrap().vendor.is_none());
    // One has a key; the other has become a vendor and has none yet.
    for vendor in ["acme-screening", "keyless"] {
        assert_eq!(authenticate(vendor).unwrap_err().status(), StatusCode::UNAUTHORIZED, "{vendor}");
    }
}
