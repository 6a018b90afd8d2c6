//! Where a database is, and which log of it is meant.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use model::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::link::Way;
use super::tls::Encryption;

/// A database and a log in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Without what a session sets by itself.
    config: Box<Config>,
    encryption: Encryption,
    shown: String,
    log: String,
    keys: PathBuf,
}

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct AddressError {
    said: String,
    hint: &'static str,
    #[source]
    cause: Option<tokio_postgres::Error>,
}

impl Address {
    /// Reads `postgres://user@host:port/database`, which log there is meant, and in which folder of this machine the key
    /// around its keys is. Error: it is something else, names a
    /// password, or would send records over a network in the clear.
    pub fn parse(text: &str, log: &str, keys: &Path) -> Result<Self, AddressError> {
        if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return Err(AddressError::new("this is not the address of a database", FORM));
        }
        let (text, encryption) = encryption_of(text)?;
        let mut config = Config::from_str(&text)
            .map_err(|cause| AddressError { cause: Some(cause), ..AddressError::new(UNREADABLE, FORM) })?;
        if config.get_password().is_some() {
            return Err(AddressError::new("a password does not belong into an address", PASSWORD));
        }
        let remote = config.get_hosts().iter().find_map(|host| match host {
            Host::Tcp(name) if !is_here(name) => Some(name.clone()),
            Host::Tcp(_) | Host::Unix(_) => None,
        });
        let remote =
            remote.or_else(|| config.get_hostaddrs().iter().find(|it| !it.is_loopback()).map(IpAddr::to_string));
        if let Some(name) = remote.filter(|_| encryption.is_none()) {
            return Err(AddressError::new(format!("records would go to `{name}` in the clear"), TUNNEL));
        }
        if log.is_empty() || log.len() > LOG_BYTES_MAX || !log.bytes().all(is_plain) {
            return Err(AddressError::new(format!("`{log}` is no name for a log"), LOG_NAME));
        }
        let encryption = encryption.unwrap_or(Encryption::None);
        let encrypted = encryption != Encryption::None;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable }).connect_timeout(CONNECT_TIME_MAX);
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(3);
        config.tcp_user_timeout(LOST_AFTER);
        let (log, keys) = (log.to_owned(), keys.to_owned());
        Ok(Self { shown: shown(&config), config: Box::new(config), encryption, log, keys })
    }

    /// With the password of its user.
    #[must_use]
    pub fn with_password(mut self, password: &Secret<String>) -> Self {
        self.config.password(password.expose());
        self
    }

    /// Another log of the same database, with the name it has there.
    #[must_use]
    pub fn named(&self, log: &str) -> Self {
        Self { log: log.to_owned(), ..self.clone() }
    }

    /// Which log.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// The folder of the key around the keys of bodies.
    pub(super) fn keys(&self) -> &Path {
        &self.keys
    }

    /// How to get there, for a program that says who it is.
    pub(super) fn config(&self, program: &str) -> Way {
        let mut config = Config::clone(&self.config);
        config.application_name(program);
        Way { config, encryption: self.encryption.clone() }
    }
}

/// Without password and settings.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}, log {})", self.shown, self.log)
    }
}

impl AddressError {
    fn new(said: impl Into<String>, hint: &'static str) -> Self {
        Self { said: said.into(), hint, cause: None }
    }

    /// The way out.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

/// The address without what is said of encryption, and that; none where nothing is said.
fn encryption_of(text: &str) -> Result<(String, Option<Encryption>), AddressError> {
    let Some((before, query)) = text.split_once('?') else { return Ok((text.to_owned(), None)) };
    let (mut rest, mut mode, mut root) = (Vec::new(), None, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => root = Some(PathBuf::from(plain(value))),
            _ => rest.push(pair),
        }
    }
    let encryption = match (mode, root) {
        (Some("verify-full"), root) | (Some("require"), root @ Some(_)) => Some(Encryption::Verified(root)),
        (Some("require"), None) => Some(Encryption::Required),
        (Some("disable"), None) => Some(Encryption::None),
        (None, None) => None,
        (None | Some("disable"), Some(_)) => {
            return Err(AddressError::new("`sslrootcert` is for an encrypted link", ENCRYPTED));
        }
        (Some(other), _) => return Err(AddressError::new(format!("`{other}` is no `sslmode` here"), ENCRYPTED)),
    };
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{before}{query}"), encryption))
}

/// A value of a query, with its escapes undone where they are some.
fn plain(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().filter(|_| *first == b'%');
        let escaped = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .zip(config.get_ports().iter().chain(std::iter::repeat(&PORT)))
        .map(|(host, port)| match host {
            Host::Tcp(name) if *port == PORT => name.clone(),
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    format!("postgres://{user}{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

/// Whether a name of a host means this machine.
fn is_here(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
const UNREADABLE: &str = "the address of the database cannot be read";
const FORM: &str = "write `postgres://user@host/database`, or `postgres:///database?host=/run/postgresql` for a socket";
const PASSWORD: &str = "keep it in a file of its own, or in the environment: see `trace: password:`";
const TUNNEL: &str = "add `?sslmode=verify-full`, or use a socket or a tunnel that ends on this machine; where the network is \
     trusted, `?sslmode=disable`";
const ENCRYPTED: &str = "it takes `verify-full`, which looks who answers (`sslrootcert=FILE` names whom to believe), `require`, which \
     does not, and `disable`";
const LOG_NAME: &str = "it takes letters, digits, `-`, `_` and `.`, 63 of them at most";
const PORT: u16 = 5432;
const LOG_BYTES_MAX: usize = 63;

pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Sent bytes that nobody has acknowledged for so long mean that the link is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
