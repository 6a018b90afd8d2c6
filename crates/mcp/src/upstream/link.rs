//! One link to one app: which era it speaks, what it offers, and how a call reaches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use decide::{Answer, Credentials, LinkPermit, Outgoing, Permit, Scrub, SendFault};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use json::{Document, Kind};
use model::limits::LIST_PAGES_MAX;
use model::{Blame, Fault, Limits, Secret};

use super::child::ChildLink;
use super::http_link::{Exchanged, HttpLink};
use super::reply::{Reply, garbage};
use super::{Along, Ask, Asked, ChildSpec, Handshake, ListOf};
use crate::revision::Revision;

/// A link that is up. It holds the permit under which it was made.
pub struct Link {
    transport: Transport,
    agreed: Handshake,
    stale: AtomicBool,
    permit: LinkPermit,
    credentials: Arc<dyn Credentials>,
}

enum Transport {
    Http(Box<HttpLink>),
    Child(ChildLink),
}

impl Link {
    /// Connects over HTTP: asks in the modern way first and falls back to the handshake.
    pub(crate) async fn over_http(
        url: Uri,
        permit: LinkPermit,
        credentials: Arc<dyn Credentials>,
        limits: Limits,
    ) -> Result<Self, Fault> {
        let http = HttpLink::new(url, limits)?;
        let modern = Handshake { revision: Revision::V20260728, session: None };
        let ask = discover(credentials.own_header(&permit)?);
        let agreed = match http.exchange(ask, Some(&modern)).await {
            Ok(exchanged) if speaks_modern(&exchanged) => modern,
            Ok(_) => initialize_http(&http, credentials.as_ref(), &permit).await?,
            Err(SendFault { fault, .. }) if fault.code() == "upstream.garbage" => {
                initialize_http(&http, credentials.as_ref(), &permit).await?
            }
            Err(SendFault { fault, .. }) => return Err(fault),
        };
        Ok(Self {
            transport: Transport::Http(Box::new(http)),
            agreed,
            stale: AtomicBool::new(false),
            permit,
            credentials,
        })
    }

    /// Starts a child and agrees with it: any answer but a modern one, or none for a while, means the handshake.
    pub(crate) async fn to_child(
        spec: &ChildSpec,
        permit: LinkPermit,
        credentials: Arc<dyn Credentials>,
        limits: Limits,
    ) -> Result<Self, Fault> {
        let secrets = credentials.environment(&permit)?;
        let scrub = credentials.scrubber(permit.app());
        let child = ChildLink::start(spec, &secrets, Arc::clone(&scrub), &limits)?;
        let probe = tokio::time::timeout(PROBE_TIME_MAX, child.exchange(&discover(None))).await;
        let modern = matches!(&probe, Ok(Ok(reply)) if offers_modern(reply));
        let revision = if modern { Revision::V20260728 } else { initialize_child(&child, scrub.as_ref()).await? };
        let agreed = Handshake { revision, session: None };
        Ok(Self { transport: Transport::Child(child), agreed, stale: AtomicBool::new(false), permit, credentials })
    }

    /// The revision spoken with the app.
    pub fn revision(&self) -> &'static str {
        self.agreed.revision.as_str()
    }

    /// Whether the app keeps nothing between two calls, by its protocol: HTTP of 2026-07-28.
    pub fn keeps_nothing(&self) -> bool {
        matches!(self.transport, Transport::Http(_)) && self.agreed.revision.modern()
    }

    /// Whether it can carry another call.
    pub fn alive(&self) -> bool {
        !self.stale.load(Ordering::Acquire)
            && match &self.transport {
                Transport::Http(_) => true,
                Transport::Child(child) => child.alive(),
            }
    }

    /// Ends a child; an HTTP link has nothing to end.
    pub async fn stop(&self) {
        if let Transport::Child(child) = &self.transport {
            child.stop(CHILD_GRACE).await;
        }
    }

    /// Everything the app offers of a kind, as it sent it but for secrets.
    pub(crate) async fn list(&self, what: ListOf) -> Result<Vec<Bytes>, Fault> {
        let mut listed = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let header = match &self.transport {
                Transport::Http(_) => self.credentials.own_header(&self.permit)?,
                Transport::Child(_) => None,
            };
            let ask = Ask {
                method: what.method(),
                name: None,
                params: self.page(cursor.as_deref()),
                headers: &[],
                along: None,
                header,
            };
            let scrub = self.credentials.scrubber(self.permit.app());
            let reply = self.exchange(ask).await.map_err(|sent| sent.fault)?.cleaned(scrub.as_ref());
            if let Some((code, message)) = reply.rpc_error() {
                // An app without them has none to offer.
                if code == crate::envelope::METHOD_NOT_FOUND {
                    return Ok(listed);
                }
                let said = format!("it refused `{}` ({code})", what.method());
                return Err(Fault::new(Blame::Upstream, "upstream.list", said).because(std::io::Error::other(message)));
            }
            let document =
                Document::parse(&reply.body).map_err(|error| garbage("its list is not JSON").because(error))?;
            let page = document.root().get(what.member()).filter(|page| page.kind() == Kind::Array);
            let page = page.ok_or_else(|| garbage(format!("its answer to `{}` has no list", what.method())))?;
            listed.extend(page.items().map(|one| reply.body.slice(one.span())));
            cursor = document.root().get("nextCursor").and_then(|next| next.as_str()).map(std::borrow::Cow::into_owned);
            if cursor.is_none() {
                return Ok(listed);
            }
        }
        Err(garbage(format!("its answer to `{}` has more than {LIST_PAGES_MAX} pages", what.method())))
    }

    /// Sends one call. The credential is put on here, at the last hop, against the permit; then the permit is spent.
    pub(crate) async fn call(
        &self,
        permit: Permit,
        call: Outgoing,
        asked: Asked,
        headers: &[(HeaderName, HeaderValue)],
        along: &Along,
    ) -> Result<Answer, SendFault> {
        if call.digest != permit.binding().arguments {
            let fault =
                Fault::new(Blame::Bug, "bug.other_arguments", "the arguments are not those that were decided on");
            return Err(SendFault::before(fault));
        }
        let header = match &self.transport {
            Transport::Http(_) => self.credentials.header(&permit).map_err(SendFault::before)?,
            Transport::Child(_) => None,
        };
        let spent = permit.spend();
        let mut params = Vec::with_capacity(256 + call.arguments.as_ref().map_or(0, Bytes::len));
        params.push(b'{');
        asked.write(&mut params, spent.tool.as_str(), call.arguments.as_ref());
        let meta = along.meta();
        if self.agreed.revision.modern() || !meta.is_empty() {
            params.push(b',');
            write_meta(&mut params, self.agreed.revision.modern(), &meta);
        }
        params.push(b'}');
        let name = asked.names_itself().then_some(spent.tool.as_str());
        let ask = Ask { method: asked.method().as_str(), name, params, headers, along: Some(along), header };
        let reply = self.exchange(ask).await;
        if let Err(sent) = &reply
            && sent.fault.code() == "upstream.session_ended"
        {
            self.stale.store(true, Ordering::Release);
        }
        reply?.into_answer().map_err(SendFault::after)
    }

    async fn exchange(&self, ask: Ask<'_>) -> Result<Reply, SendFault> {
        match &self.transport {
            Transport::Http(http) => {
                let exchanged = http.exchange(ask, Some(&self.agreed)).await?;
                // Some servers say 400 where they mean that the session has ended: the next call opens a new one.
                if exchanged.status == StatusCode::BAD_REQUEST && self.agreed.session.is_some() {
                    self.stale.store(true, Ordering::Release);
                }
                Ok(exchanged.reply)
            }
            Transport::Child(child) => child.exchange(&ask).await,
        }
    }

    /// The params of a list: where to go on, and what the revision wants.
    fn page(&self, cursor: Option<&str>) -> Vec<u8> {
        let mut out = vec![b'{'];
        if let Some(cursor) = cursor {
            out.extend_from_slice(b"\"cursor\":");
            json::write_string(&mut out, cursor);
        }
        if self.agreed.revision.modern() {
            if cursor.is_some() {
                out.push(b',');
            }
            write_meta(&mut out, true, b"");
        }
        out.push(b'}');
        out
    }
}

/// `"_meta":{…}` of a request.
fn write_meta(out: &mut Vec<u8>, modern: bool, members: &[u8]) {
    out.extend_from_slice(b"\"_meta\":{");
    if modern {
        out.extend_from_slice(MODERN_META.as_bytes());
        if !members.is_empty() {
            out.push(b',');
        }
    }
    out.extend_from_slice(members);
    out.push(b'}');
}

fn discover(header: Option<(HeaderName, Secret<String>)>) -> Ask<'static> {
    let mut params = vec![b'{'];
    write_meta(&mut params, true, b"");
    params.push(b'}');
    Ask { method: "server/discover", name: None, params, headers: &[], along: None, header }
}

fn speaks_modern(exchanged: &Exchanged) -> bool {
    exchanged.status == StatusCode::OK && offers_modern(&exchanged.reply)
}

fn offers_modern(reply: &Reply) -> bool {
    if reply.error {
        return false;
    }
    let Ok(document) = Document::parse(&reply.body) else { return false };
    let Some(versions) = document.root().get("supportedVersions").filter(|versions| versions.kind() == Kind::Array)
    else {
        return false;
    };
    versions.items().any(|version| version.as_str().as_deref() == Some(Revision::V20260728.as_str()))
}

fn initialize(header: Option<(HeaderName, Secret<String>)>) -> Ask<'static> {
    let params = format!(
        r#"{{"protocolVersion":"{}","capabilities":{{}},"clientInfo":{{"name":"countersign","version":"{}"}}}}"#,
        Revision::NEWEST_LEGACY.as_str(),
        env!("CARGO_PKG_VERSION")
    );
    Ask { method: "initialize", name: None, params: params.into_bytes(), headers: &[], along: None, header }
}

/// The revision the upstream chose. Error: one we do not speak, or no answer to the handshake.
fn chosen(reply: &Reply) -> Result<Revision, Fault> {
    if let Some((code, message)) = reply.rpc_error() {
        let said = format!("it refused the handshake ({code})");
        return Err(Fault::new(Blame::Upstream, "upstream.handshake", said).because(std::io::Error::other(message)));
    }
    let document = Document::parse(&reply.body).map_err(|error| garbage("its handshake is not JSON").because(error))?;
    let version = document.root().get("protocolVersion").and_then(|version| version.as_str()).unwrap_or_default();
    Revision::parse(&version).filter(|revision| !revision.modern()).ok_or_else(|| {
        let said = format!("it speaks revision `{}`, which we do not", version.chars().take(32).collect::<String>());
        Fault::new(Blame::Upstream, "upstream.revision", said)
    })
}

async fn initialize_http(
    http: &HttpLink,
    credentials: &dyn Credentials,
    permit: &LinkPermit,
) -> Result<Handshake, Fault> {
    let exchanged =
        http.exchange(initialize(credentials.own_header(permit)?), None).await.map_err(|sent| sent.fault)?;
    let agreed = Handshake {
        revision: chosen(&exchanged.reply.cleaned(credentials.scrubber(permit.app()).as_ref()))?,
        session: exchanged.session,
    };
    let ask = Ask {
        method: "notifications/initialized",
        name: None,
        params: Vec::new(),
        headers: &[],
        along: None,
        header: credentials.own_header(permit)?,
    };
    http.notify(Bytes::from_static(INITIALIZED), &ask, &agreed).await?;
    Ok(agreed)
}

async fn initialize_child(child: &ChildLink, scrub: &dyn Scrub) -> Result<Revision, Fault> {
    let reply = child.exchange(&initialize(None)).await.map_err(|sent| sent.fault)?;
    let revision = chosen(&reply.cleaned(scrub))?;
    child.notify(INITIALIZED).await?;
    Ok(revision)
}

const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const MODERN_META: &str = concat!(
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"countersign","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);
const PROBE_TIME_MAX: Duration = Duration::from_secs(4);
const CHILD_GRACE: Duration = Duration::from_secs(2);
