//! What moving servers behind the gateway would change, before anything is changed.

use std::path::{Component, Path, PathBuf};

use json::{Document, Value};
use model::{AppId, Blame, Fault, Secret};

use super::super::place::Place;
use super::entry::{Kept, Reader, Server, entries};
use super::jsonc::blank;
use super::known::{Client, ClientFile, Surroundings};
use super::written::slug;

/// How our entries start, the program and the configuration, and which gateway they lead to.
#[derive(Debug, Clone)]
pub struct Gatewayed {
    /// The whole path of `countersign`.
    pub program: PathBuf,
    /// The whole path of the configuration.
    pub config: PathBuf,
    /// The whole path of the data directory: one gateway holds it, whichever configuration it is started by.
    pub data: PathBuf,
}

/// What would change.
pub struct Plan {
    /// Files that would change.
    pub files: Vec<PlannedFile>,
    /// Apps that would stand behind the gateway.
    pub apps: Vec<PlannedApp>,
    /// What stays as it is, and why.
    pub left: Vec<Left>,
}

/// One file that would change.
pub struct PlannedFile {
    /// Whose it is.
    pub client: Client,
    /// Where it is, links resolved.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// Its bytes now.
    pub before: Vec<u8>,
    /// Its bytes then.
    pub after: Vec<u8>,
    /// The entries that are replaced.
    pub entries: Vec<PlannedEntry>,
}

/// One entry that is replaced.
pub struct PlannedEntry {
    /// The keys that lead to it.
    pub place: Vec<String>,
    /// The app it becomes.
    pub app: AppId,
    /// Its bytes now.
    pub before: Vec<u8>,
}

/// One app that would stand behind the gateway.
pub struct PlannedApp {
    /// Its id.
    pub id: AppId,
    /// The server.
    pub server: Server,
    /// What each of its credentials is called in the vault, in their order.
    pub names: Vec<String>,
    /// Where it was found.
    pub from: Vec<String>,
}

/// One secret that moves into the vault.
pub struct Moved<'p> {
    /// Whose it is.
    pub app: &'p AppId,
    /// What it is called there.
    pub name: &'p str,
    /// The secret.
    pub secret: &'p Secret<String>,
}

/// What stays as it is.
pub struct Left {
    /// The file.
    pub file: PathBuf,
    /// The server, where it is one.
    pub server: Option<String>,
    /// Why.
    pub why: String,
}

/// Where an entry leads that may be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// It is ours: to this app, by this configuration or another one of the same data directory.
    Here,
    /// To an app of this name, and it names no configuration by its whole path: it may be ours.
    Unnamed,
    /// To an app of this name, by a configuration that is not there: it may be ours.
    Missing,
    /// To something else.
    Elsewhere,
}

impl Plan {
    /// Reads the files and works out what would change. Error: a file cannot be read.
    pub fn of(files: &[ClientFile], around: &Surroundings<'_>, ours: &Gatewayed) -> Result<Self, Fault> {
        let mut plan = Self { files: Vec::new(), apps: Vec::new(), left: Vec::new() };
        for file in files {
            plan.file(file, around, ours)?;
        }
        name_secrets(&mut plan.apps);
        Ok(plan)
    }

    /// Every secret that would move.
    pub fn secrets(&self) -> impl Iterator<Item = Moved<'_>> {
        let named = self.apps.iter().flat_map(|app| {
            app.server.credentials.iter().zip(&app.names).map(move |(found, name)| (&app.id, &found.kept, name))
        });
        named.filter_map(|(app, kept, name)| match kept {
            Kept::Here(secret) => Some(Moved { app, name, secret }),
            Kept::Variable(_) => None,
        })
    }

    fn file(&mut self, file: &ClientFile, around: &Surroundings<'_>, ours: &Gatewayed) -> Result<(), Fault> {
        use std::os::unix::fs::MetadataExt as _;
        let unreadable = |error: std::io::Error| {
            let said = format!("`{}` cannot be read: {error}", file.path.display());
            Fault::new(Blame::Operator, "operator.client_file", said).because(error)
        };
        let path = std::fs::canonicalize(&file.path).map_err(unreadable)?;
        let about = std::fs::metadata(&path).map_err(unreadable)?;
        if about.len() > CLIENT_FILE_BYTES_MAX {
            let why = format!("it has more than {} MiB", CLIENT_FILE_BYTES_MAX >> 20);
            self.left.push(Left { file: path, server: None, why });
            return Ok(());
        }
        let (before, mode) = (std::fs::read(&path).map_err(unreadable)?, about.mode() & 0o7777);
        let strict = blank(&before);
        let document = match Document::parse(&strict) {
            Ok(document) => document,
            Err(_) if strict.iter().all(u8::is_ascii_whitespace) => return Ok(()),
            Err(error) => {
                self.left.push(Left { file: path, server: None, why: format!("it cannot be read: {error}") });
                return Ok(());
            }
        };
        let (mut edits, mut replaced) = (Vec::new(), Vec::new());
        for entry in entries(&document, file) {
            let name = entry.place.last().cloned().unwrap_or_default();
            if starts(entry.value, &ours.program) && connects_to(entry.value).is_some() {
                let why = "it is behind a gateway already".to_owned();
                self.left.push(Left { file: path.clone(), server: Some(name), why });
                continue;
            }
            match Reader::new(file.client, around, entry.project.as_deref()).read(entry.value) {
                Err(why) => self.left.push(Left { file: path.clone(), server: Some(name), why }),
                Ok(server) => {
                    let from = format!("{}: {}", file.client.title(), path.display());
                    let app = self.app(&name, server, from)?;
                    let span = entry.value.span();
                    let typed = entry.place.first().is_some_and(|key| key == "servers");
                    edits.push((span.clone(), our_entry(&before, &span, &app, ours, typed)));
                    let bytes = before.get(span).unwrap_or_default().to_vec();
                    replaced.push(PlannedEntry { place: entry.place, app, before: bytes });
                }
            }
        }
        if !replaced.is_empty() {
            edits.sort_by_key(|(span, _)| span.start);
            let edits: Vec<_> = edits.iter().map(|(span, text)| (span.clone(), text.as_bytes())).collect();
            let after = json::splice(&before, &edits);
            self.files.push(PlannedFile { client: file.client, path, mode, before, after, entries: replaced });
        }
        Ok(())
    }

    /// The app for a server: one that is the same already, or a new one under a free id.
    fn app(&mut self, name: &str, server: Server, from: String) -> Result<AppId, Fault> {
        let base = slug(name);
        let same = |app: &&mut PlannedApp| {
            let of_this_name = app.id.as_str().strip_prefix(base.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('-').is_some_and(|rest| rest.parse::<u32>().is_ok())
            });
            of_this_name && app.server.same(&server)
        };
        if let Some(app) = self.apps.iter_mut().find(same) {
            app.from.push(from);
            return Ok(app.id.clone());
        }
        let taken = |id: &str| self.apps.iter().any(|app| app.id.as_str() == id);
        let id = (1u32..).map(|number| numbered(&base, number)).find(|id| !taken(id)).unwrap_or(base);
        let id = AppId::parse(&id)
            .map_err(|error| Fault::new(Blame::Bug, "bug.app_id", "an id could not be made").because(error))?;
        self.apps.push(PlannedApp { id: id.clone(), server, names: Vec::new(), from: vec![from] });
        Ok(id)
    }
}

/// A single secret is called like its app, each of several like the app and its place. Two that would be called the
/// same are numbered: one must not replace the other.
fn name_secrets(apps: &mut [PlannedApp]) {
    let mut taken: Vec<String> = apps.iter().map(|app| app.id.to_string()).collect();
    for app in apps {
        if let [_] = app.server.credentials.as_slice() {
            app.names = vec![app.id.to_string()];
            continue;
        }
        for found in &app.server.credentials {
            let base = format!("{}-{}", app.id, slug(found.into.name()));
            let tails = std::iter::once(String::new()).chain((2u32..).map(|number| format!("-{number}")));
            let name = tails.map(|tail| format!("{base}{tail}")).find(|name| !taken.contains(name)).unwrap_or(base);
            taken.push(name.clone());
            app.names.push(name);
        }
    }
}

/// Whether an entry starts this program, or one that is called like it.
fn starts(entry: Value<'_, '_>, program: &Path) -> bool {
    let Some(command) = entry.get("command").and_then(|command| command.as_str()) else { return false };
    let command = Path::new(command.as_ref());
    let named = command.file_name().unwrap_or_default().to_string_lossy().starts_with("countersign");
    named || command == program
}

/// The app that an entry of this form leads to, whatever the program is called: people rename programs.
fn connects_to(entry: Value<'_, '_>) -> Option<String> {
    let mut arguments = entry.get("args")?.items();
    let connects = arguments.next()?.as_str()? == "connect";
    let app = arguments.next()?.as_str()?;
    connects.then(|| app.into_owned())
}

/// Where an entry leads, seen from this app of ours.
pub fn leads(entry: Value<'_, '_>, app: &str, ours: &Gatewayed) -> Leads {
    if connects_to(entry).as_deref() != Some(app) {
        return Leads::Elsewhere;
    }
    let arguments: Vec<String> =
        entry.get("args").iter().flat_map(Value::items).filter_map(|one| Some(one.as_str()?.into_owned())).collect();
    let named = arguments.iter().enumerate().find_map(|(place, argument)| match argument.strip_prefix("--config") {
        Some("") => arguments.get(place + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    });
    // A client starts it in a folder that nobody here knows.
    match named.map(Path::new).filter(|named| named.is_absolute()) {
        Some(named) if whole(named) == whole(&ours.config) => Leads::Here,
        Some(named) if named.is_file() && whole(&Place::of(named, named).data) == whole(&ours.data) => Leads::Here,
        Some(named) if named.exists() => Leads::Elsewhere,
        _ if !starts(entry, &ours.program) => Leads::Elsewhere,
        Some(_) => Leads::Missing,
        None => Leads::Unnamed,
    }
}

/// Whether an entry leads through this gateway, to whatever app.
pub fn leads_here(entry: Value<'_, '_>, ours: &Gatewayed) -> bool {
    connects_to(entry).is_some_and(|app| leads(entry, &app, ours) == Leads::Here)
}

/// A path with its links followed; of what is not there, without `.` and `..`.
fn whole(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| {
        path.components().fold(PathBuf::new(), |mut whole, component| {
            match component {
                Component::ParentDir => drop(whole.pop()),
                Component::CurDir => {}
                other => whole.push(other),
            }
            whole
        })
    })
}

/// Our entry, laid out like the one it replaces.
fn our_entry(file: &[u8], span: &std::ops::Range<usize>, app: &AppId, ours: &Gatewayed, typed: bool) -> String {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let arguments = ["connect", app.as_str(), "--config"].map(text).join(", ");
    let config = text(&ours.config.display().to_string());
    let mut members = vec![
        format!("\"command\": {}", text(&ours.program.display().to_string())),
        format!("\"args\": [{arguments}, {config}]"),
    ];
    if typed {
        members.insert(0, "\"type\": \"stdio\"".to_owned());
    }
    let before = file.get(..span.start).unwrap_or_default();
    let replaced = file.get(span.clone()).unwrap_or_default();
    if !replaced.contains(&b'\n') {
        return format!("{{ {} }}", members.join(", "));
    }
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let outer = blanks(line);
    let inner = blanks(replaced.split(|byte| *byte == b'\n').nth(1).unwrap_or_default());
    let inner = if inner.len() > outer.len() { inner } else { format!("{outer}  ") };
    let end = if replaced.windows(2).any(|pair| pair == b"\r\n") { "\r\n" } else { "\n" };
    let members = members.join(&format!(",{end}{inner}"));
    format!("{{{end}{inner}{members}{end}{outer}}}")
}

fn blanks(line: &[u8]) -> String {
    line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).map(|byte| char::from(*byte)).collect()
}

/// `github`, `github-2`, `github-3`, each within the length of an id.
fn numbered(base: &str, number: u32) -> String {
    if number < 2 {
        return base.to_owned();
    }
    let tail = format!("-{number}");
    let kept: String = base.chars().take(super::written::APP_ID_CHARS_MAX - tail.len()).collect();
    format!("{}{tail}", kept.trim_end_matches('-'))
}

/// A file of a client.
const CLIENT_FILE_BYTES_MAX: u64 = 32 << 20;

#[cfg(test)]
mod tests;
