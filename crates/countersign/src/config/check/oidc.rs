//! `console: {oidc: …}`: the organisation's identity provider, and by which names it knows people.

use std::sync::Arc;

use broker::Source;
use http::Uri;
use identity::provider::{Claim, is_protected};
use model::{DirectorySnapshot, HumanId};

use super::{Checker, shown};
use crate::config::problem::nearest;
use crate::config::raw::{RawConfig, RawOidc};

/// The organisation's identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// What people call it.
    pub name: String,
    /// What it calls itself, as it stands in its tokens.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// Where our secret is kept; none where it knows us by PKCE alone.
    pub client_secret: Option<Source>,
    /// By which claim the directory knows people.
    pub claim: Claim,
}

impl Checker<'_> {
    pub(super) fn oidc(&mut self, raw: &RawOidc) -> Option<OidcConfig> {
        let issuer = self.substitute(&raw.issuer.value, &raw.issuer);
        let protected = issuer.filter(|issuer| {
            let plain = !issuer.contains(['?', '#']);
            plain && issuer.parse::<Uri>().is_ok_and(|url| is_protected(&url))
        });
        if protected.is_none() {
            let said = format!(
                "`{}` is no issuer: it takes `https://host/path`, exactly as it calls itself",
                shown(&raw.issuer)
            );
            let hint = "it stands as `issuer` in what the provider answers under `/.well-known/openid-configuration`";
            self.problem(&raw.issuer, said, Some(hint.to_owned()));
        }
        let client_id = self.substitute(&raw.client_id.value, &raw.client_id);
        if client_id.as_ref().is_some_and(String::is_empty) {
            self.problem(&raw.client_id, "this is what the provider calls us, and it is empty".to_owned(), None);
        }
        let client_secret = match &raw.client_secret {
            None => None,
            Some(written) => Some(self.source(written)?),
        };
        let claim = match &raw.claim {
            None => Claim::Subject,
            Some(written) => {
                let found = Claim::ALL.into_iter().find(|claim| claim.as_str() == written.value);
                if found.is_none() {
                    let hint = nearest(&written.value, Claim::ALL.into_iter().map(Claim::as_str));
                    self.problem(written, format!("people are not known by the claim `{}`", written.value), Some(hint));
                }
                found?
            }
        };
        let name = raw.name.as_ref().map_or(NAME, |name| name.value.trim());
        if let Some(written) = raw.name.as_ref().filter(|_| name.is_empty() || name.chars().count() > NAME_CHARS_MAX) {
            self.problem(written, format!("a name has 1 to {NAME_CHARS_MAX} characters"), None);
        }
        Some(OidcConfig { name: name.to_owned(), issuer: protected?, client_id: client_id?, client_secret, claim })
    }

    /// What the provider calls people: each has one name there, and each name is one person's.
    pub(super) fn known_elsewhere(&mut self, raw: &RawConfig, directory: &mut DirectorySnapshot) {
        let provided = raw.console.as_ref().is_some_and(|console| console.oidc.is_some());
        for (id, human) in &raw.people.0 {
            let (Some(written), Ok(id)) = (&human.oidc, HumanId::parse(&id.value)) else { continue };
            if !provided {
                let said = "this is what an identity provider calls the person, and none is named".to_owned();
                self.problem(
                    written,
                    said,
                    Some("name it: `console: {oidc: {issuer: https://…, client_id: …}}`".to_owned()),
                );
                continue;
            }
            if written.value.is_empty() {
                self.problem(written, "what the identity provider calls the person is empty".to_owned(), None);
                continue;
            }
            match directory.known_elsewhere.get(written.value.as_str()) {
                Some(other) => {
                    let said = format!("the identity provider calls `{other}` `{}` already", written.value);
                    self.problem(written, said, Some("a name there is one person's here".to_owned()));
                }
                None => drop(directory.known_elsewhere.insert(Arc::from(written.value.as_str()), id)),
            }
        }
    }
}

/// What the button says where nothing is said.
const NAME: &str = "single sign-on";
const NAME_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests;
