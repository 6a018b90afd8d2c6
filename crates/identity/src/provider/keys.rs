//! Keys that a provider signs with (RFC 7517).

use jsonwebtoken::Algorithm;
use model::limits::PROVIDER_KEYS_MAX;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::vendors::PublicKey;

/// The keys of a provider that are of a kind that is taken here.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<ProviderKey>);

#[derive(Debug, Clone)]
struct ProviderKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    public: PublicKey,
}

#[derive(Deserialize)]
struct Written {
    keys: Vec<Map<String, Value>>,
}

// === impl KeySet ===

impl KeySet {
    /// Reads them. Keys for something else or of another kind are left out; none where it is no set of keys.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(text).ok()?;
        Some(Self(written.keys.into_iter().take(PROVIDER_KEYS_MAX).filter_map(ProviderKey::read).collect()))
    }

    /// The key of this name that signs so. Without a name there must be one only.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let signs =
            |key: &&ProviderKey| key.public.signs_with(algorithm) && key.algorithm.is_none_or(|only| only == algorithm);
        let named = |key: &&ProviderKey| id.is_none_or(|id| key.id.as_deref() == Some(id));
        let mut fitting = self.0.iter().filter(signs).filter(named);
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.public)
    }
}

// === impl ProviderKey ===

impl ProviderKey {
    fn read(written: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| written.get(name).map(|value| value.as_str());
        if text("use").is_some_and(|kind| kind != Some("sig")) {
            return None;
        }
        let id = text("kid").flatten().map(str::to_owned);
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(name?.parse().ok()?),
        };
        // Members that are of no interest are gone, so that none of a kind nobody knows makes the key unreadable.
        let of_key: Map<String, Value> =
            written.into_iter().filter(|(name, _)| KEY_MEMBERS.contains(&name.as_str())).collect();
        let public = PublicKey::read(&Value::Object(of_key).to_string()).ok()?;
        Some(Self { id, algorithm, public })
    }
}

const KEY_MEMBERS: [&str; 9] = ["kty", "crv", "x", "y", "n", "e", "d", "p", "k"];

#[cfg(test)]
mod tests;
