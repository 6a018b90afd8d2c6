//! `console:`: pages for people, on a listener of their own.

use std::net::SocketAddr;

use console::Readers;
use http::Uri;
use model::{DirectorySnapshot, HumanId};
use serde_saphyr::Spanned;

use super::oidc::OidcConfig;
use super::{Checker, shown};
use crate::config::raw::{RawConsole, RawReaders};

/// The pages for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address browsers use, where a proxy stands before it.
    pub url: Option<Uri>,
    /// Who sees everything.
    pub readers: Readers,
    /// The organisation's identity provider, where people sign in with it.
    pub oidc: Option<OidcConfig>,
}

impl Checker<'_> {
    pub(super) fn console(&mut self, raw: &RawConsole, directory: &DirectorySnapshot) -> Option<ConsoleConfig> {
        let listen = match &raw.listen {
            None => Some(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))),
            Some(written) => self.parse(written, "an address and a port, for example `127.0.0.1:4120`"),
        };
        let url = raw.url.as_ref().and_then(|written| self.page_url(written));
        let readers = raw.readers.as_ref().map(|readers| self.readers(readers, directory)).unwrap_or_default();
        let oidc = raw.oidc.as_ref().and_then(|oidc| self.oidc(oidc));
        let listen = listen?;
        if let Some(written) = raw.listen.as_ref().filter(|_| !listen.ip().is_loopback() && raw.url.is_none()) {
            let said =
                format!("`{listen}` is reached from elsewhere, and passwords would cross the network in the clear");
            let hint = "put a proxy with TLS in front and name its address with `url: https://…`";
            self.problem(written, said, Some(hint.to_owned()));
        }
        Some(ConsoleConfig { listen, url, readers, oidc })
    }

    /// An address without a path, with https unless it is of this machine.
    fn page_url(&mut self, written: &Spanned<String>) -> Option<Uri> {
        let url = self.url(written)?;
        let host = url.host().unwrap_or_default();
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if url.scheme_str() != Some("https") && !local {
            let said = format!("`{}` is not https, and passwords would cross the network in the clear", shown(written));
            self.problem(written, said, Some("`url: https://…`, with a proxy with TLS in front".to_owned()));
            return None;
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            let said = format!("`{}` has a path, and the pages begin at the root of a host", shown(written));
            self.problem(written, said, Some("give the console a host name of its own".to_owned()));
            return None;
        }
        Some(url)
    }

    fn readers(&mut self, raw: &RawReaders, directory: &DirectorySnapshot) -> Readers {
        let known = || directory.humans.keys().map(HumanId::as_str);
        let people = raw.people.iter().filter_map(|one| self.known(one, known(), "person"));
        let people = people.filter_map(|one| HumanId::parse(&one).ok()).collect();
        Readers { roles: raw.roles.clone(), people }
    }
}

/// The port of the pages unless told otherwise.
const DEFAULT_PORT: u16 = 4120;
