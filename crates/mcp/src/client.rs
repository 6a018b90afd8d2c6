//! What a client said it can do, which decides what an app may ask of it.

use bytes::Bytes;
use json::{Document, Kind, Value};
use model::Method;

use crate::tasks::EXTENSION;

/// The capabilities of one client. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Abilities {
    /// What an app is told: the members as the client sent them, but for those that end at the gateway.
    declared: Bytes,
    samples: bool,
    samples_with_tools: bool,
    fills_forms: bool,
    opens_urls: bool,
    has_roots: bool,
}

impl Abilities {
    /// Those of this capabilities object, which stands in `body`. None: it is too long to be passed on.
    pub fn read(capabilities: Option<Value<'_, '_>>, body: &Bytes) -> Option<Self> {
        let Some(capabilities) = capabilities.filter(|value| value.kind() == Kind::Object) else {
            return Some(Self::default());
        };
        if capabilities.raw().len() > CAPABILITIES_BYTES_MAX {
            return None;
        }
        let elicits = capabilities.get("elicitation");
        // An empty object stands for forms, as before there was anything else.
        let only_form = elicits.is_some_and(|elicits| elicits.get("form").is_none() && elicits.get("url").is_none());
        Some(Self {
            declared: declared(capabilities, body),
            samples: capabilities.get("sampling").is_some(),
            samples_with_tools: capabilities.get("sampling").is_some_and(|sampling| sampling.get("tools").is_some()),
            fills_forms: only_form || elicits.and_then(|elicits| elicits.get("form")).is_some(),
            opens_urls: elicits.and_then(|elicits| elicits.get("url")).is_some(),
            has_roots: capabilities.get("roots").is_some(),
        })
    }

    /// What the gateway says it can do where it asks what an app offers: all that it can bring before clients, so that an
    /// app shows all it has. It answers nothing itself.
    pub fn of_the_gateway() -> Self {
        Self { declared: Bytes::from_static(OWN_CAPABILITIES), ..Self::default() }
    }

    /// Whether this client knows tasks as 2026-07-28 has them.
    pub fn knows_tasks(&self) -> bool {
        let document = Document::parse(&self.declared).ok();
        let extensions = document.as_ref().and_then(|document| document.root().get("extensions"));
        extensions.is_some_and(|extensions| extensions.get(EXTENSION).is_some())
    }

    /// The same for longer than one request: without the body it came in.
    pub fn kept(&self) -> Self {
        // Written in one way only: how a client writes it down makes no other link.
        let declared =
            json::canonical(&self.declared).map_or_else(|_| Bytes::copy_from_slice(&self.declared), Bytes::from);
        Self { declared, ..self.clone() }
    }

    /// The capabilities object for an app.
    pub fn declared(&self) -> &[u8] {
        &self.declared
    }

    /// Whether an app may ask this client anything at all.
    pub const fn any(&self) -> bool {
        self.samples || self.fills_forms || self.opens_urls || self.has_roots
    }

    /// Whether this client works on folders.
    pub const fn has_roots(&self) -> bool {
        self.has_roots
    }

    /// Whether this client opens addresses.
    pub const fn opens_urls(&self) -> bool {
        self.opens_urls
    }

    /// Whether this client answers such a question.
    pub fn answers(&self, method: Method, params: Option<Value<'_, '_>>) -> bool {
        match method {
            Method::Sample => {
                let tools = params.is_some_and(|params| params.get("tools").is_some());
                self.samples && (self.samples_with_tools || !tools)
            }
            Method::Roots => self.has_roots,
            Method::Elicit => {
                let mode = params.and_then(|params| params.get("mode")).and_then(|mode| mode.as_str());
                match mode.as_deref() {
                    None | Some("form") => self.fills_forms,
                    Some("url") => self.opens_urls,
                    Some(_) => false,
                }
            }
            _ => false,
        }
    }
}

impl Default for Abilities {
    fn default() -> Self {
        let declared = Bytes::from_static(b"{}");
        Self {
            declared,
            samples: false,
            samples_with_tools: false,
            fills_forms: false,
            opens_urls: false,
            has_roots: false,
        }
    }
}

/// Whether a form asks for several of a list at once, which is known from 2025-11-25 on.
pub fn chooses_several(params: Option<Value<'_, '_>>) -> bool {
    let fields = params.and_then(|params| params.get("requestedSchema")?.get("properties"));
    let mut fields = fields.into_iter().flat_map(|fields| fields.entries());
    fields.any(|(_, field)| field.get("type").and_then(|kind| kind.as_str()).as_deref() == Some("array"))
}

/// The question a server asks with this method, if it is one.
pub fn question(method: &str) -> Option<Method> {
    [Method::Sample, Method::Elicit, Method::Roots].into_iter().find(|question| question.as_str() == method)
}

/// All members but `tasks`: what a client offers to run as tasks ends at the gateway.
fn declared(capabilities: Value<'_, '_>, body: &Bytes) -> Bytes {
    if capabilities.get("tasks").is_none() {
        return body.slice(capabilities.span());
    }
    let mut out = vec![b'{'];
    for (key, value) in capabilities.entries().filter(|(key, _)| key != "tasks") {
        if out.len() > 1 {
            out.push(b',');
        }
        json::write_string(&mut out, &key);
        out.push(b':');
        out.extend_from_slice(value.raw());
    }
    out.push(b'}');
    Bytes::from(out)
}

/// What clients can do as far as the gateway brings it before them.
pub const OWN_CAPABILITIES: &[u8] = br#"{"elicitation":{"form":{},"url":{}},"roots":{},"sampling":{}}"#;
/// Longest capabilities object.
const CAPABILITIES_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
