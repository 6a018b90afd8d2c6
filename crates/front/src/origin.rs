//! Who may speak to us from where (DNS rebinding: MCP 2025-06-18 and later, transports).
//!
//! A browser page of a stranger can reach a loopback port under the stranger's name. Its request carries that name in
//! `Host`, or the page's address in `Origin`: both must be ours.

use http::{HeaderMap, Uri, header};
use model::{Blame, Fault};

/// The names under which we are reached, and the pages that may call us.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Origins {
    /// The public address and, for a loopback listener, its loopback names. `extra` holds further origins (scheme and
    /// authority) the operator allows.
    pub fn new(public_url: &Uri, port: u16, loopback: bool, extra: &[String]) -> Self {
        let mut hosts: Vec<String> =
            public_url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).into_iter().collect();
        if loopback {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}")));
        }
        let mut origins: Vec<String> =
            hosts.iter().flat_map(|host| [format!("http://{host}"), format!("https://{host}")]).collect();
        origins.extend(extra.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()));
        Self { hosts, origins }
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
            return Err(Fault::new(Blame::Caller, "caller.host", said)
                .hint("use the address that `countersign serve` prints, or name this one: `public_url`, for the console `console: {url: …}`"));
        }
        for origin in headers.get_all(header::ORIGIN) {
            let allowed =
                origin.to_str().is_ok_and(|origin| self.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin)));
            if !allowed {
                let said = "pages of this origin may not call this gateway";
                return Err(Fault::new(Blame::Caller, "caller.origin", said).hint("add it to `allowed_origins`"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
