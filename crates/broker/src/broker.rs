//! Who gets which credential, on what, and which values are known because of it.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decide::{Credentials, LinkPermit, Permit, Placed, Scrub};
use http::{HeaderName, HeaderValue};
use model::limits::SECRET_BYTES_MAX;
use model::{AppId, Blame, Fault, Secret};
use private_file::Openness;

use crate::limits::VALUES_KNOWN_MAX;
use crate::{Scrubber, Source, Vault};

/// Reads one variable of the gateway's own environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// One credential of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCredential {
    /// Whose it is.
    pub app: AppId,
    /// Where it is kept.
    pub source: Source,
    /// Where it goes.
    pub placement: Placement,
}

/// Where a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Onto each call, as a header. An app has one such credential at most: of several the first is used.
    Header {
        /// The header.
        name: HeaderName,
        /// What stands before the value, for example `Bearer ` with its space.
        prefix: String,
    },
    /// Into the environment of a child, as this variable.
    Variable(String),
}

/// Resolves credentials against permits, and knows every value it ever handed out.
pub struct Broker {
    credentials: ArcSwap<HashMap<AppId, Vec<AppCredential>>>,
    vault: Arc<Vault>,
    environment: Environment,
    known: Mutex<HashMap<AppId, Known>>,
    nothing: Arc<Scrubber>,
}

/// The values of one app, the one used last at the end.
#[derive(Default)]
struct Known {
    values: VecDeque<Secret<String>>,
    scrubber: Option<Arc<Scrubber>>,
}

// === impl Broker ===

impl Broker {
    /// The credentials of a configuration.
    pub fn new(credentials: Vec<AppCredential>, vault: Arc<Vault>, environment: Environment) -> Self {
        Self {
            credentials: ArcSwap::from_pointee(by_app(credentials)),
            vault,
            environment,
            known: Mutex::default(),
            nothing: Arc::new(Scrubber::new([])),
        }
    }

    /// Takes a reloaded configuration. Values handed out before stay known: answers to them may still come.
    pub fn replace(&self, credentials: Vec<AppCredential>) {
        self.credentials.store(Arc::new(by_app(credentials)));
    }

    /// Which credentials cannot be used now, and why.
    pub fn check(&self) -> Vec<(AppId, Fault)> {
        let mut all: Vec<(AppId, Fault)> = Vec::new();
        for (app, credentials) in self.credentials.load().iter() {
            all.extend(credentials.iter().filter_map(|one| Some((app.clone(), self.placed(one).err()?))));
            let is_header = |one: &&AppCredential| matches!(one.placement, Placement::Header { .. });
            if credentials.iter().filter(is_header).count() > 1 {
                let said = format!("`{app}` has several credentials for a header; only the first is used");
                all.push((app.clone(), Fault::new(Blame::Operator, "credential.several", said)));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    fn header_of(&self, app: &AppId) -> Result<Option<Placed<HeaderName>>, Fault> {
        let credentials = self.credentials.load();
        for credential in credentials.get(app).into_iter().flatten() {
            if let Placement::Header { name, .. } = &credential.placement {
                let source = credential.source.to_string();
                return Ok(Some(Placed { name: name.clone(), value: self.placed(credential)?, source }));
            }
        }
        Ok(None)
    }

    /// The value as it goes out. It is known to the app's scrubber before anybody has it.
    fn placed(&self, credential: &AppCredential) -> Result<Secret<String>, Fault> {
        let value = self.resolve(credential).map_err(|fault| of_app(credential, fault))?;
        let placed = match &credential.placement {
            Placement::Header { prefix, .. } => Secret::new(format!("{prefix}{}", value.expose())),
            Placement::Variable(_) => Secret::new(value.expose().clone()),
        };
        fits(&credential.placement, &value, &placed).map_err(|fault| of_app(credential, fault))?;
        self.remember(credential, value);
        Ok(placed)
    }

    fn resolve(&self, credential: &AppCredential) -> Result<Secret<String>, Fault> {
        let value = match &credential.source {
            Source::Vault(name) => self.vault.get(name)?,
            Source::File(path) => from_file(path)?,
            Source::Env(name) => (self.environment)(name).map(Secret::new).ok_or_else(|| {
                Fault::new(Blame::Operator, "credential.missing", format!("the variable `{name}` is not set")).hint(
                    "set it where the gateway is started, or keep the value in the vault: `countersign vault set`",
                )
            })?,
        };
        if value.expose().is_empty() {
            return Err(Fault::new(Blame::Operator, "credential.empty", "it is empty"));
        }
        if value.expose().len() > SECRET_BYTES_MAX {
            let said = format!("it is longer than {SECRET_BYTES_MAX} bytes");
            return Err(Fault::new(Blame::Operator, "credential.too_long", said));
        }
        Ok(value)
    }

    fn remember(&self, credential: &AppCredential, value: Secret<String>) {
        let most = self.credentials.load().get(&credential.app).map_or(0, |live| 4 * live.len()).max(VALUES_KNOWN_MAX);
        let inner = inner_values(credential, &value);
        let mut all = self.known();
        let known = all.entry(credential.app.clone()).or_default();
        for value in std::iter::once(value).chain(inner) {
            known.learn(value, most);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<AppId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scrubber_known(&self, app: &AppId) -> Option<Arc<Scrubber>> {
        self.known().get(app).and_then(|known| known.scrubber.clone())
    }
}

impl Credentials for Broker {
    fn header(&self, permit: &Permit) -> Result<Option<Placed<HeaderName>>, Fault> {
        self.header_of(&permit.binding().app)
    }

    fn own_header(&self, permit: &LinkPermit) -> Result<Option<(HeaderName, Secret<String>)>, Fault> {
        Ok(self.header_of(permit.app())?.map(|placed| (placed.name, placed.value)))
    }

    fn environment(&self, permit: &LinkPermit) -> Result<Vec<Placed<String>>, Fault> {
        let credentials = self.credentials.load();
        let mut variables = Vec::new();
        for credential in credentials.get(permit.app()).into_iter().flatten() {
            if let Placement::Variable(name) = &credential.placement {
                let source = credential.source.to_string();
                variables.push(Placed { name: name.clone(), value: self.placed(credential)?, source });
            }
        }
        Ok(variables)
    }

    fn named(&self, app: &AppId) -> Option<String> {
        let credentials = self.credentials.load();
        let named = credentials.get(app)?.iter().map(|one| match &one.placement {
            Placement::Header { name, .. } => format!("{} as header {name}", one.source),
            Placement::Variable(name) => format!("{} as variable {name}", one.source),
        });
        Some(named.collect::<Vec<_>>().join(", "))
    }

    fn scrubber(&self, app: &AppId) -> Arc<dyn Scrub> {
        if let Some(scrubber) = self.scrubber_known(app) {
            return scrubber;
        }
        // Nothing was handed out yet, but the app may have the value from elsewhere.
        for credential in self.credentials.load().get(app).into_iter().flatten() {
            if let Ok(value) = self.resolve(credential) {
                self.remember(credential, value);
            }
        }
        self.scrubber_known(app).unwrap_or_else(|| Arc::clone(&self.nothing))
    }
}

// === impl Known ===

impl Known {
    fn learn(&mut self, value: Secret<String>, most: usize) {
        if let Some(place) = self.values.iter().position(|known| known.expose() == value.expose()) {
            // Last used, last forgotten.
            if let Some(known) = self.values.remove(place) {
                self.values.push_back(known);
            }
            return;
        }
        self.values.push_back(value);
        while self.values.len() > most {
            self.values.pop_front();
        }
        self.scrubber = Some(Arc::new(Scrubber::new(&self.values)));
    }
}

fn by_app(credentials: Vec<AppCredential>) -> HashMap<AppId, Vec<AppCredential>> {
    let mut all: HashMap<AppId, Vec<AppCredential>> = HashMap::new();
    for credential in credentials {
        all.entry(credential.app.clone()).or_default().push(credential);
    }
    all
}

/// The content of a file, without the line break at its end.
fn from_file(path: &Path) -> Result<Secret<String>, Fault> {
    let most = u64::try_from(SECRET_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let (file, about) = private_file::open(path, Openness::Group, most)?.ok_or_else(|| {
        Fault::new(Blame::Operator, "credential.missing", format!("there is no file `{}`", path.display()))
    })?;
    let content = private_file::content(path, file, &about)?;
    let text = std::str::from_utf8(content.expose())
        .map_err(|_| Fault::new(Blame::Operator, "credential.not_text", format!("`{}` is not text", path.display())))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(text.to_owned()))
}

/// Whether the value can go where it is to go.
fn fits(placement: &Placement, value: &Secret<String>, placed: &Secret<String>) -> Result<(), Fault> {
    let unusable = |said: String| Err(Fault::new(Blame::Operator, "credential.unusable", said));
    let bare = |text: &str| text.trim_matches([' ', '\t']).len() == text.len();
    match placement {
        // A server takes them off, and what it then repeats would not be known for the credential.
        Placement::Header { name, .. } if !bare(value.expose()) => unusable(format!(
            "it begins or ends with a blank, which the header `{name}` does not keep"
        ))
        .map_err(|fault| fault.hint("take the blank away where the value is kept; one between a scheme and the value belongs into `prefix:`")),
        Placement::Header { name, .. } if HeaderValue::from_bytes(placed.expose().as_bytes()).is_err() => {
            unusable(format!("it has line breaks or other characters that the header `{name}` cannot hold"))
        }
        Placement::Variable(name) if placed.expose().contains('\0') => {
            unusable(format!("it has a zero byte, which the variable `{name}` cannot hold"))
        }
        Placement::Header { .. } | Placement::Variable(_) => Ok(()),
    }
}

/// What an app would echo of a value without the rest of it: what stands behind the scheme that it is kept with, as in `Bearer x`,
/// and the password of `Basic` credentials, which are kept encoded.
fn inner_values(credential: &AppCredential, value: &Secret<String>) -> Vec<Secret<String>> {
    let whole = value.expose().as_str();
    let kept_with = whole.split_once([' ', '\t']).filter(|(scheme, _)| is_scheme(scheme));
    let (scheme, bare) = match (&credential.placement, kept_with) {
        (_, Some((scheme, bare))) => (scheme, bare.trim_start_matches([' ', '\t'])),
        (Placement::Header { prefix, .. }, None) => (prefix.trim(), whole),
        (Placement::Variable(_), None) => return Vec::new(),
    };
    let password = scheme.eq_ignore_ascii_case("basic").then(|| basic_password(bare)).flatten();
    let bare = kept_with.map(|_| Secret::new(bare.to_owned()));
    password.into_iter().chain(bare).collect()
}

/// Whether this may be the scheme of an `Authorization`, which is a token of RFC 9110.
fn is_scheme(word: &str) -> bool {
    !word.is_empty() && HeaderName::from_bytes(word.as_bytes()).is_ok()
}

fn basic_password(pair: &str) -> Option<Secret<String>> {
    let pair = Secret::new(STANDARD.decode(pair.trim()).ok()?);
    let (_, password) = std::str::from_utf8(pair.expose()).ok()?.split_once(':')?;
    Some(Secret::new(password.to_owned()))
}

fn of_app(credential: &AppCredential, fault: Fault) -> Fault {
    let AppCredential { app, source, .. } = credential;
    let said = format!("the credential of `{app}` (`{source}`) cannot be used: {fault}");
    let outer = Fault::new(Blame::Operator, fault.code(), said);
    // The sentence holds what went wrong already: the cause would say it again.
    match fault.way_out().map(str::to_owned) {
        Some(hint) => outer.hint(hint),
        None => outer,
    }
}

#[cfg(test)]
mod tests;
