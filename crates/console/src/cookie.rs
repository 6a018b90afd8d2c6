//! The session's cookie.

use http::{HeaderMap, header};
use model::Secret;
use model::limits::SESSION_LIFE_MAX;

/// The name of the cookie, and how it is set.
#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// Browsers keep what `__Host-` begins to one host and https. Without https its name carries the port, for a browser
    /// sends a host's cookies to all of its ports.
    pub(crate) fn new(secure: bool, port: u16) -> Self {
        let name = if secure { "__Host-countersign".to_owned() } else { format!("countersign-{port}") };
        Self { name, secure }
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
        let life = SESSION_LIFE_MAX.as_secs();
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{}",
            self.name,
            token.expose(),
            self.only_https()
        )
    }

    /// Takes it away.
    pub(crate) fn end(&self) -> String {
        format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{}", self.name, self.only_https())
    }

    fn only_https(&self) -> &'static str {
        if self.secure { "; Secure" } else { "" }
    }
}

#[cfg(test)]
mod tests;
