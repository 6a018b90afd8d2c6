//! One server of a client's configuration, and what it becomes behind the gateway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Uri;
use json::{Document, Kind, Value};
use model::Secret;
use model::written::is_of_one_host;

use super::known::{Client, ClientFile, Surroundings};
use super::secrets::{looks_secret, secret_argument, secret_in_address, secret_name};

/// A server as a client names it.
pub struct Entry<'d, 'a> {
    /// The keys that lead to it; the last is its name.
    pub place: Vec<String>,
    /// What is written there.
    pub value: Value<'d, 'a>,
    /// The project it runs in, where it has one.
    pub project: Option<PathBuf>,
}

/// A server as the gateway runs it.
pub struct Server {
    /// How it is reached.
    pub launch: Launch,
    /// Its credentials, in the order of their places: variables of a program, or one header.
    pub credentials: Vec<Found>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// A program that is started.
    Command {
        /// The program's whole path, and its arguments.
        words: Vec<String>,
        /// Its whole environment, besides its credential.
        environment: BTreeMap<String, String>,
        /// Where it starts.
        directory: Option<PathBuf>,
    },
    /// Streamable HTTP at this address.
    Url(String),
}

/// A credential in a client's configuration.
pub struct Found {
    /// The secret itself, or the variable that holds it.
    pub kept: Kept,
    /// Where it goes.
    pub into: Into,
}

/// Where a credential was.
pub enum Kept {
    /// In the configuration.
    Here(Secret<String>),
    /// In this variable of the client's environment.
    Variable(String),
}

/// Where a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Into {
    /// Into a variable of the program.
    Variable(String),
    /// Into a header, behind a prefix.
    Header(String, String),
}

/// A text with its variables: what is written, and what they stand for.
enum Text {
    Whole(String),
    /// Nothing but one variable, behind this text.
    Variable(String, String),
}

impl Server {
    /// Whether the two are the same server, so that two clients share one app.
    pub fn same(&self, other: &Self) -> bool {
        self.launch == other.launch
            && self.credentials.len() == other.credentials.len()
            && self.credentials.iter().zip(&other.credentials).all(|(one, two)| one.same(two))
    }
}

impl Found {
    fn same(&self, other: &Self) -> bool {
        self.into == other.into && self.kept.same(&other.kept)
    }
}

impl Into {
    /// The name of the variable or the header.
    pub fn name(&self) -> &str {
        match self {
            Self::Variable(name) | Self::Header(name, _) => name,
        }
    }
}

impl Kept {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(one), Self::Here(two)) => one.expose() == two.expose(),
            (Self::Variable(one), Self::Variable(two)) => one == two,
            _ => false,
        }
    }
}

/// The servers a file names, in the order they are written.
pub fn entries<'d, 'a>(document: &'d Document<'a>, file: &ClientFile) -> Vec<Entry<'d, 'a>> {
    let root = document.root();
    let keys: &[&str] = match file.client {
        Client::VsCode => &["servers"],
        Client::Other => &["mcpServers", "servers"],
        _ => &["mcpServers"],
    };
    let mut found = Vec::new();
    for key in keys {
        collect(&mut found, root.get(key), &[*key], file.project.as_deref());
    }
    // What `claude mcp add` writes unless told otherwise: servers of one project, in the person's own file.
    if file.client == Client::ClaudeCode {
        for (project, about) in root.get("projects").iter().flat_map(Value::entries) {
            let place = ["projects", &project, "mcpServers"];
            collect(&mut found, about.get("mcpServers"), &place, Some(Path::new(project.as_ref())));
        }
    }
    found
}

/// The value at a place.
pub fn place_of<'d, 'a>(document: &'d Document<'a>, place: &[String]) -> Option<Value<'d, 'a>> {
    place.iter().try_fold(document.root(), |value, key| value.get(key))
}

fn collect<'d, 'a>(
    found: &mut Vec<Entry<'d, 'a>>,
    servers: Option<Value<'d, 'a>>,
    keys: &[&str],
    project: Option<&Path>,
) {
    for (name, value) in servers.iter().flat_map(Value::entries) {
        let place = keys.iter().copied().chain([name.as_ref()]).map(str::to_owned).collect();
        found.push(Entry { place, value, project: project.map(Path::to_owned) });
    }
}

/// Reads entries of one client.
pub struct Reader<'r> {
    client: Client,
    around: &'r Surroundings<'r>,
    project: Option<&'r Path>,
}

impl<'r> Reader<'r> {
    /// For the entries of this client, in this project.
    pub fn new(client: Client, around: &'r Surroundings<'r>, project: Option<&'r Path>) -> Self {
        Self { client, around, project }
    }

    /// What the server becomes. Error: why it cannot be moved.
    pub fn read(&self, entry: Value<'_, '_>) -> Result<Server, String> {
        if entry.kind() != Kind::Object {
            return Err("it is not written as an object".to_owned());
        }
        if truth(entry, "disabled") == Some(true) || truth(entry, "enabled") == Some(false) {
            return Err("it is switched off".to_owned());
        }
        // It may be a restriction, such as a list of tools that are not to be used.
        if let Some((key, _)) = entry.entries().find(|(key, _)| !CARRIED.contains(&key.as_ref())) {
            return Err(format!("its `{key}` means something to the client that the gateway cannot do for it"));
        }
        match (entry.get("command"), entry.get("url").or_else(|| entry.get("serverUrl"))) {
            (Some(command), None) => self.command(entry, command),
            (None, Some(url)) => self.url(entry, url),
            (Some(_), Some(_)) => Err("it has both `command` and `url`".to_owned()),
            (None, None) => Err("it has neither `command` nor `url`".to_owned()),
        }
    }

    fn command(&self, entry: Value<'_, '_>, command: Value<'_, '_>) -> Result<Server, String> {
        let program = self.program(&self.plain(command, "command")?)?;
        let mut words = vec![program];
        for argument in entry.get("args").iter().flat_map(Value::items) {
            words.push(self.plain(argument, "args")?);
        }
        if let Some(argument) = secret_argument(words.get(1..).unwrap_or_default()) {
            return Err(format!(
                "its command line seems to hold a secret ({argument}): a credential can go into a variable or a header"
            ));
        }
        let (mut environment, mut secrets) = (self.usual_environment(), Vec::new());
        for (name, value) in entry.get("env").iter().flat_map(Value::entries) {
            if value.is_null() {
                environment.remove(name.as_ref());
                continue;
            }
            match self.text(&scalar(value, "env")?)? {
                Text::Variable(prefix, variable) if prefix.is_empty() && secret_name(&name) => {
                    let into = Into::Variable(name.to_string());
                    secrets.push(Found { kept: Kept::Variable(variable), into });
                }
                text => {
                    let text = self.whole(text)?;
                    if looks_secret(&name, &text) {
                        let into = Into::Variable(name.to_string());
                        environment.remove(name.as_ref());
                        secrets.push(Found { kept: Kept::Here(Secret::new(text)), into });
                    } else {
                        environment.insert(name.to_string(), writable(text)?);
                    }
                }
            }
        }
        let directory = match entry.get("cwd") {
            Some(directory) => Some(self.project.unwrap_or(self.around.home).join(self.plain(directory, "cwd")?)),
            None => self.project.map(Path::to_owned),
        };
        secrets.sort_by(|one, two| one.into.name().cmp(two.into.name()));
        Ok(Server { launch: Launch::Command { words, environment, directory }, credentials: secrets })
    }

    fn url(&self, entry: Value<'_, '_>, url: Value<'_, '_>) -> Result<Server, String> {
        let url = self.plain(url, "url")?;
        let kind = entry.get("type").or_else(|| entry.get("transport")).and_then(|kind| kind.as_str());
        let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        if kind.as_deref() == Some("sse") || (kind.is_none() && path.ends_with("/sse")) {
            return Err("it speaks the HTTP+SSE transport of 2024, which the gateway does not".to_owned());
        }
        if let Some(place) = secret_in_address(&url) {
            return Err(format!("its address seems to hold a secret ({place}): a credential can go into a header"));
        }
        let taken = url.parse::<Uri>().is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")));
        if !taken || !is_of_one_host(&url) {
            return Err("its address is none that the gateway takes".to_owned());
        }
        let mut secrets = Vec::new();
        for (name, value) in entry.get("headers").iter().flat_map(Value::entries) {
            let authorization = name.eq_ignore_ascii_case("authorization");
            match self.text(&scalar(value, "headers")?)? {
                Text::Variable(prefix, variable) if authorization || secret_name(&name) => {
                    secrets
                        .push(Found { kept: Kept::Variable(variable), into: Into::Header(name.to_string(), prefix) });
                }
                text => {
                    let text = self.whole(text)?;
                    if authorization || looks_secret(&name, &text) {
                        let (prefix, secret) = match text.split_once(' ') {
                            Some((scheme, secret)) if authorization => (format!("{scheme} "), secret.trim().to_owned()),
                            _ => (String::new(), text),
                        };
                        let into = Into::Header(name.to_string(), prefix);
                        secrets.push(Found { kept: Kept::Here(Secret::new(secret)), into });
                    } else if !["accept", "content-type"].contains(&name.to_ascii_lowercase().as_str()) {
                        return Err(format!("it sends the header `{name}`, and the gateway adds a credential only"));
                    }
                }
            }
        }
        if secrets.len() > 1 {
            let names: Vec<String> = secrets.iter().map(|found| format!("`{}`", found.into.name())).collect();
            let (count, names) = (names.len(), names.join(", "));
            return Err(format!("it sends {count} secrets ({names}), and the gateway adds one header to a call"));
        }
        Ok(Server { launch: Launch::Url(url), credentials: secrets })
    }

    /// The whole path of the program, for gateways are started from places with other paths.
    fn program(&self, written: &str) -> Result<String, String> {
        if written.is_empty() {
            return Err("its command is empty".to_owned());
        }
        if Path::new(written).is_absolute() {
            return Ok(written.to_owned());
        }
        if written.contains('/') {
            let project = self.project.ok_or("its command is a relative path, and it belongs to no project")?;
            return Ok(project.join(written).display().to_string());
        }
        let path = (self.around.environment)("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|folder| folder.join(written))
            .find(|candidate| candidate.is_file())
            .map(|found| found.display().to_string())
            .ok_or_else(|| format!("there is no program `{written}` on the path"))
    }

    /// What clients pass on besides what an entry lists.
    fn usual_environment(&self) -> BTreeMap<String, String> {
        let passed = |name: &str| (self.around.environment)(name).filter(|value| !value.contains("${"));
        PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), passed(name)?))).collect()
    }

    fn plain(&self, value: Value<'_, '_>, key: &str) -> Result<String, String> {
        writable(self.whole(self.text(&scalar(value, key)?)?)?)
    }

    fn whole(&self, text: Text) -> Result<String, String> {
        match text {
            Text::Whole(text) => Ok(text),
            Text::Variable(prefix, name) => Ok(format!("{prefix}{}", self.variable(&name)?)),
        }
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        (self.around.environment)(name).ok_or_else(|| format!("the environment has no `{name}`, which it uses"))
    }

    /// The text with the client's own variables replaced as the client would.
    fn text(&self, written: &str) -> Result<Text, String> {
        let (mut whole, mut only) = (String::new(), None);
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${").filter(|_| self.client != Client::ClaudeDesktop) {
            let (name, after) = after.split_once('}').ok_or("it has a `${` without its `}`")?;
            whole.push_str(before);
            if let Some(variable) = self.variable_of(name)
                && after.is_empty()
                && only.is_none()
            {
                only = Some((whole.clone(), variable));
                rest = after;
                break;
            }
            whole.push_str(&self.stands_for(name)?);
            rest = after;
        }
        match only {
            Some((prefix, variable)) => Ok(Text::Variable(prefix, variable)),
            None => Ok(Text::Whole(format!("{whole}{rest}"))),
        }
    }

    /// The variable of the environment that `${…}` names, in the way of this client.
    fn variable_of(&self, inside: &str) -> Option<String> {
        let like_a_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = match inside.strip_prefix("env:") {
            Some(name) => name,
            None if matches!(self.client, Client::ClaudeCode | Client::Other) => inside,
            None => return None,
        };
        (like_a_name(name) && self.own(name).is_none()).then(|| name.to_owned())
    }

    fn stands_for(&self, inside: &str) -> Result<String, String> {
        if let Some(own) = self.own(inside) {
            return own;
        }
        if let Some(input) = inside.strip_prefix("input:") {
            return Err(format!("it asks for the input `{input}`, which only the client can"));
        }
        if let Some(name) = self.variable_of(inside) {
            return self.variable(&name);
        }
        if let Some((name, default)) = inside.split_once(":-")
            && self.client == Client::ClaudeCode
        {
            return Ok((self.around.environment)(name).unwrap_or_else(|| default.to_owned()));
        }
        Err(format!("it uses `${{{inside}}}`, which only the client knows"))
    }

    fn own(&self, name: &str) -> Option<Result<String, String>> {
        let project = || self.project.ok_or_else(|| format!("it uses `${{{name}}}`, and belongs to no project"));
        match name {
            "workspaceFolder" => Some(project().map(|project| project.display().to_string())),
            "workspaceFolderBasename" => {
                Some(project().map(|project| project.file_name().unwrap_or_default().to_string_lossy().into_owned()))
            }
            "userHome" => Some(Ok(self.around.home.display().to_string())),
            "pathSeparator" | "/" => Some(Ok("/".to_owned())),
            _ => None,
        }
    }
}

/// `${` would mean something else in our own configuration.
fn writable(text: String) -> Result<String, String> {
    if text.contains("${") { Err("it holds a `${` that the configuration would replace".to_owned()) } else { Ok(text) }
}

fn scalar(value: Value<'_, '_>, key: &str) -> Result<String, String> {
    match value.kind() {
        Kind::String => Ok(value.as_str().unwrap_or_default().into_owned()),
        Kind::Number | Kind::Bool => Ok(String::from_utf8_lossy(value.raw()).into_owned()),
        _ => Err(format!("its `{key}` holds something that is not text")),
    }
}

fn truth(entry: Value<'_, '_>, key: &str) -> Option<bool> {
    entry.get(key).and_then(|value| value.as_bool())
}

/// Keys of an entry whose meaning is kept, or that mean nothing to a server. `autoApprove`, `alwaysAllow` and `trust` only spare
/// questions.
const CARRIED: [&str; 22] = [
    "type",
    "transport",
    "command",
    "args",
    "env",
    "cwd",
    "url",
    "serverUrl",
    "headers",
    "disabled",
    "enabled",
    "name",
    "title",
    "description",
    "version",
    "gallery",
    "icon",
    "note",
    "timeout",
    "autoApprove",
    "alwaysAllow",
    "trust",
];
const PASSED_ON: [&str; 6] = ["HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "USER"];

#[cfg(test)]
mod tests;
