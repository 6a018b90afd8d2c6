//! Cookies: of a session, of whoever is at the identity provider right now, and of a browser in which somebody has signed in.

use std::time::Duration;

use http::{HeaderMap, header};
use model::Secret;
use model::limits::{BROWSER_KNOWN_LIFE, PROVIDER_ERRAND_LIFE, SESSION_LIFE_MAX};

/// All there are.
#[derive(Debug, Clone)]
pub(crate) struct Cookies {
    pub(crate) session: Cookie,
    pub(crate) errand: Cookie,
    pub(crate) browser: Cookie,
}

/// The name of a cookie, and how it is set.
#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    name: String,
    secure: bool,
    same_site: &'static str,
    life: Duration,
}

impl Cookies {
    pub(crate) fn new(secure: bool, port: u16) -> Self {
        let (session, errand) = (Cookie::of_session(secure, port), Cookie::of_errand(secure, port));
        Self { session, errand, browser: Cookie::of_browser(secure, port) }
    }
}

impl Cookie {
    /// The cookie of a session. Browsers keep what `__Host-` begins to one host and https. Without https its name carries the port,
    /// for a browser sends a host's cookies to all of its ports.
    pub(crate) fn of_session(secure: bool, port: u16) -> Self {
        let name = if secure { "__Host-countersign".to_owned() } else { format!("countersign-{port}") };
        Self { name, secure, same_site: "Strict", life: SESSION_LIFE_MAX }
    }

    /// The cookie of somebody who is at the identity provider: a page of another site sends them back, and a browser sends no
    /// `Strict` cookie then. It opens nothing by itself.
    pub(crate) fn of_errand(secure: bool, port: u16) -> Self {
        let name = if secure { "__Host-countersign-oidc".to_owned() } else { format!("countersign-oidc-{port}") };
        Self { name, secure, same_site: "Lax", life: PROVIDER_ERRAND_LIFE }
    }

    /// The cookie of a browser in which somebody has signed in. It opens nothing.
    pub(crate) fn of_browser(secure: bool, port: u16) -> Self {
        let name = if secure { "__Host-countersign-known".to_owned() } else { format!("countersign-known-{port}") };
        Self { name, secure, same_site: "Strict", life: BROWSER_KNOWN_LIFE }
    }

    /// The token a request carries. Two are refused rather than guessed at.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Option<Secret<String>> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let token = ours.next()?;
        ours.next().is_none().then(|| Secret::new(token.to_owned()))
    }

    /// Sets it.
    pub(crate) fn set(&self, token: &Secret<String>) -> String {
        self.line(token.expose(), self.life.as_secs())
    }

    /// Takes it away.
    pub(crate) fn end(&self) -> String {
        self.line("", 0)
    }

    fn line(&self, value: &str, seconds: u64) -> String {
        let (name, same_site, secure) = (&self.name, self.same_site, self.only_https());
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}")
    }

    fn only_https(&self) -> &'static str {
        if self.secure { "; Secure" } else { "" }
    }
}

#[cfg(test)]
mod tests;
