//! Who may speak to us from where (DNS rebinding: MCP 2025-06-18 and later, transports).
//!
//! A browser page of a stranger can reach a loopback port under the stranger's name. Its request carries that name in
//! `Host`, or the page's address in `Origin`: both must be ours.

use std::net::SocketAddr;

use http::{HeaderMap, Uri, header};
use model::{Blame, Fault};

/// The names under which a listener of ours is reached, and the pages that may call us there.
#[derive(Debug, Clone)]
pub struct Origins {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// What of the configuration names its address.
    named_by: &'static str,
    /// Whether an operator may allow further pages there.
    takes_others: bool,
}

impl Origins {
    /// The public address, which stands in the configuration under `named_by`, and, for a loopback listener, its loopback names.
    /// `extra` holds further origins (scheme and authority) the operator allows; none: no others are allowed there.
    pub fn new(named_by: &'static str, public_url: &Uri, listens: SocketAddr, extra: Option<&[String]>) -> Self {
        let mut hosts: Vec<String> =
            public_url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).into_iter().collect();
        if listens.ip().is_loopback() {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{}", listens.port())));
        }
        let mut origins: Vec<String> =
            hosts.iter().flat_map(|host| [format!("http://{host}"), format!("https://{host}")]).collect();
        origins
            .extend(extra.unwrap_or_default().iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()));
        Self { hosts, origins, named_by, takes_others: extra.is_some() }
    }

    /// Refuses a Host (HTTP/1.1 requires one) or an Origin that is not ours.
    pub fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Fault> {
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
        let known = host.is_some_and(|host| self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host)));
        if !known {
            let said = format!("the host `{}` is not one of this gateway", host.unwrap_or_default());
            return Err(Fault::new(Blame::Caller, "caller.host", said).hint(format!(
                "use the address that `countersign serve` prints, or name this one in `{}` and start it again",
                self.named_by
            )));
        }
        for origin in headers.get_all(header::ORIGIN) {
            let allowed =
                origin.to_str().is_ok_and(|origin| self.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin)));
            if !allowed {
                let said = "pages of this origin may not call this gateway";
                return Err(Fault::new(Blame::Caller, "caller.origin", said).hint(match self.takes_others {
                    true => "add it to `allowed_origins`, and start the gateway again",
                    false => "no page of another address may call it here",
                }));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
