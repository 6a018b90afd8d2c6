//! Where people are told that a call waits for them.

use export::{SinkSpec, Target};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use model::limits::EXPORTS_MAX;
use model::written::is_of_one_host;
use notify::{Channel, Hidden, Mailbox, To};
use serde_saphyr::Spanned;

use super::super::problem::nearest;
use super::super::raw::{Named, RawChannel};
use super::{Checker, ConsoleConfig};

impl Checker<'_> {
    /// Each is a sink of the trace as an export is, which takes what is said of holds.
    pub(super) fn channels(&mut self, raw: &Named<RawChannel>, console: Option<&ConsoleConfig>) -> Vec<SinkSpec> {
        let Some((first, _)) = raw.0.first() else { return Vec::new() };
        if let Some((name, _)) = raw.0.get(EXPORTS_MAX) {
            self.problem(name, format!("there are more than {EXPORTS_MAX} channels"), None);
        }
        let Some(pages) = console.and_then(pages) else {
            let said = "a message leads to the page where people decide, and nobody knows its address";
            self.problem(first, said.to_owned(), Some("add `console: {listen: …, url: https://…}`".to_owned()));
            return Vec::new();
        };
        raw.0.iter().filter_map(|(name, channel)| self.channel(name, channel, &pages)).collect()
    }

    fn channel(&mut self, name: &Spanned<String>, raw: &RawChannel, pages: &str) -> Option<SinkSpec> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.value.is_empty() || name.value.len() > NAME_CHARS_MAX || !name.value.chars().all(fits) {
            let said =
                format!("`{}` is no name for a channel: it takes 1 to {NAME_CHARS_MAX} of `a-z 0-9 -`", name.value);
            self.problem(name, said, None);
            return None;
        }
        let mail = raw.kind.value == "mail";
        for written in raw.from.iter().chain(&raw.user).chain(&raw.password).chain(&raw.to).filter(|_| !mail) {
            self.problem(written, format!("a channel of the kind `{}` has no use for this", raw.kind.value), None);
        }
        if let Some(value) =
            raw.headers.iter().flat_map(|all| all.values()).next().filter(|_| raw.kind.value != "webhook")
        {
            self.problem(value, format!("a channel of the kind `{}` has no use for this", raw.kind.value), None);
        }
        let to = match raw.kind.value.as_str() {
            "slack" => To::Slack { url: Hidden(self.secret_url(&raw.url)?) },
            "webhook" => To::Webhook { url: Hidden(self.secret_url(&raw.url)?), headers: Hidden(self.said_with(raw)?) },
            "mail" => To::Mail(self.mailbox(raw)?),
            other => {
                let hint = nearest(other, KINDS.into_iter());
                self.problem(&raw.kind, format!("there is no kind of channel `{other}`"), Some(hint));
                return None;
            }
        };
        let channel = Channel { to, pages: pages.to_owned() };
        // Their places stand in one folder with those of exports.
        Some(SinkSpec { name: format!("notify-{}", name.value), target: Target::People(channel), only: None })
    }

    /// An address that may be a secret itself: nothing of it is shown.
    fn secret_url(&mut self, written: &Spanned<String>) -> Option<Uri> {
        let text = self.substitute(&written.value, written)?;
        let fits = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && is_of_one_host(&text);
        let url = text.parse::<Uri>().ok().filter(fits);
        if url.is_none() {
            self.problem(written, "this is not an address: it takes `https://host/path`".to_owned(), None);
        }
        url
    }

    fn mailbox(&mut self, raw: &RawChannel) -> Option<Mailbox> {
        let text = self.substitute(&raw.url.value, &raw.url)?;
        let Some(server) = text.parse::<Uri>().ok().filter(|_| is_of_one_host(&text)) else {
            self.problem(&raw.url, "it takes `smtp://HOST:PORT` or `smtps://HOST:PORT`".to_owned(), None);
            return None;
        };
        let Some(from) = &raw.from else {
            let said = "mail has to be from somebody".to_owned();
            self.problem(&raw.kind, said, Some("add `from: countersign@example.com`".to_owned()));
            return None;
        };
        let login = match (&raw.user, &raw.password) {
            (Some(user), Some(password)) => {
                Some(Hidden((self.substitute(&user.value, user)?, self.substitute(&password.value, password)?)))
            }
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                self.problem(one, "a server wants `user:` and `password:`, or neither".to_owned(), None);
                return None;
            }
        };
        let to = raw.to.iter().map(|one| one.value.clone()).collect();
        match (Mailbox { server, login, from: from.value.clone(), to }).checked() {
            Ok(mailbox) => Some(mailbox),
            Err(fault) => {
                self.problem(&raw.kind, fault.to_string(), None);
                None
            }
        }
    }

    /// Tokens may stand in them: their lines are never shown.
    fn said_with(&mut self, raw: &RawChannel) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, written) in raw.headers.iter().flatten() {
            let value = self.substitute(&written.value, written)?;
            let (Ok(key), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) else {
                self.problem(written, format!("`{name}` and what it says are no header of HTTP"), None);
                return None;
            };
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Some(headers)
    }
}

/// The address of the console, where it is known before it listens.
fn pages(console: &ConsoleConfig) -> Option<String> {
    let listening = (console.listen.port() != 0).then(|| format!("http://{}", console.listen));
    let url = console.url.as_ref().map(ToString::to_string).or(listening)?;
    Some(url.trim_end_matches('/').to_owned())
}

const KINDS: [&str; 3] = ["slack", "webhook", "mail"];
const NAME_CHARS_MAX: usize = 48;
