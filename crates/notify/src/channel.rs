//! Where messages go.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Uri};
use model::{Blame, Fault, UnixMicros};
use trace::Entry;

use crate::mail;
use crate::notice::{Notice, notices};
use crate::post::Hook;

/// Somewhere to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// How.
    pub to: To,
    /// The address of the console, without a slash at its end.
    pub pages: String,
}

/// How people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// JSON, to a program.
    Webhook {
        /// Its address.
        url: Hidden<Uri>,
        /// What is said with each request.
        headers: Hidden<HeaderMap>,
    },
    /// A chat that understands Slack's messages.
    Slack {
        /// The address of its incoming webhook, which is a secret.
        url: Hidden<Uri>,
    },
    /// Mail.
    Mail(Mailbox),
}

/// A server that takes mail, and who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// `smtp://HOST:PORT`, or `smtps://HOST:PORT` for TLS from the first byte.
    pub server: Uri,
    /// Name and password, where the server wants them.
    pub login: Option<Hidden<(String, String)>>,
    /// Who it is from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

/// Something that nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

/// A channel that is open.
pub enum Teller {
    /// Over HTTP.
    Hook {
        /// Where.
        hook: Box<Hook>,
        /// Whether it is a chat.
        slack: bool,
        /// The console.
        pages: String,
    },
    /// Mail.
    Mail(Mailbox, String),
}

/// A message that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whom it did not reach although others got it, as a sentence.
    pub remark: Option<String>,
    /// Who of them is to be tried again.
    pub later: Vec<String>,
}

/// A message that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// What happened, as a sentence.
    pub said: String,
    /// When whoever did not take it wants to be asked again.
    pub again_after: Option<Duration>,
    /// Whether it is this message that was not taken, and would not be another time. Otherwise nothing is taken just now.
    pub refused: bool,
}

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

// === impl Channel ===

impl Channel {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self.to {
            To::Webhook { .. } => "webhook",
            To::Slack { .. } => "slack",
            To::Mail(_) => "mail",
        }
    }
}

// === impl Teller ===

impl Teller {
    /// Opens a channel. Error: the machine's certificate authorities cannot be read.
    pub fn new(channel: &Channel) -> Result<Self, String> {
        let pages = channel.pages.clone();
        Ok(match &channel.to {
            To::Webhook { url, headers } => {
                Self::Hook { hook: Box::new(Hook::new(&url.0, &headers.0)?), slack: false, pages }
            }
            To::Slack { url } => {
                Self::Hook { hook: Box::new(Hook::new(&url.0, &HeaderMap::new())?), slack: true, pages }
            }
            To::Mail(mailbox) => Self::Mail(mailbox.clone(), pages),
        })
    }

    /// What is worth a message in these records now.
    pub fn notices<'e>(&self, entries: impl Iterator<Item = &'e Entry>, now: UnixMicros) -> Vec<Notice> {
        let (Self::Hook { pages, .. } | Self::Mail(_, pages)) = self;
        notices(entries.filter_map(|entry| Some((entry.sequence, entry.change()?))), pages, now)
    }

    /// Tells one.
    pub async fn tell(&self, notice: &Notice, now: UnixMicros) -> Result<Told, Untold> {
        match self {
            Self::Hook { hook, slack, .. } => {
                let body = if *slack { notice.to_slack() } else { notice.to_json() };
                hook.post(body.to_string()).await.map(|()| Told::default())
            }
            Self::Mail(mailbox, _) => mail::send(mailbox, notice, now).await,
        }
    }

    /// Tells one to those alone whom it did not reach with the others.
    pub async fn tell_later(&self, notice: &Notice, to: &[String], now: UnixMicros) -> Result<Told, Untold> {
        match self {
            Self::Hook { .. } => self.tell(notice, now).await,
            Self::Mail(mailbox, _) => mail::send(&Mailbox { to: to.to_vec(), ..mailbox.clone() }, notice, now).await,
        }
    }
}

impl From<String> for Untold {
    fn from(said: String) -> Self {
        Self { said, again_after: None, refused: false }
    }
}

/// Whether this may stand in an envelope: one address, without anything that ends a line or a command.
pub(crate) fn plain(address: &str) -> Result<&str, String> {
    let odd = |char: char| char.is_control() || char.is_whitespace() || matches!(char, '<' | '>');
    match address.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !address.contains(odd) => Ok(address),
        _ => Err(format!("`{address}` is no address of mail")),
    }
}

impl Mailbox {
    /// Checked: every address is one, and the server one that can be reached. Error: a sentence, for the operator.
    pub fn checked(self) -> Result<Self, Fault> {
        let wrong = |said: String| Fault::new(Blame::Operator, "operator.mail", said);
        for address in self.to.iter().chain([&self.from]) {
            plain(address).map_err(wrong)?;
        }
        if self.to.is_empty() {
            return Err(wrong("nobody gets it".to_owned()));
        }
        if !matches!(self.server.scheme_str(), Some("smtp" | "smtps")) || self.server.host().is_none() {
            // A name and a password may stand in it.
            let (scheme, host) = (self.server.scheme_str().unwrap_or_default(), self.server.host().unwrap_or_default());
            return Err(wrong(format!(
                "`{scheme}://{host}` is no server for mail: it takes `smtp://HOST:PORT` or `smtps://HOST:PORT`"
            )));
        }
        let (plain, here) = (self.server.scheme_str() == Some("smtp"), self.server.host().is_some_and(is_here));
        if plain && self.login.is_some() && !here {
            return Err(wrong("a password would go over the network as it is: use `smtps://`".to_owned()));
        }
        Ok(self)
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
