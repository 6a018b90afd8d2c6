//! The clients' configurations as they were before `init`, sealed under the vault's key, and the way back.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::{VaultKey, seal, unseal};
use json::Document;
use model::{Blame, Digest, Fault};
use serde::{Deserialize, Serialize};

use super::clients::Client;
use super::clients::{ClientFile, Entry, Gatewayed, Leads, Plan, blank, entries, leads, leads_here, place_of};

/// Everything `leave` needs.
#[derive(Serialize, Deserialize)]
pub struct Backup {
    version: u32,
    /// The files, in the order they were changed.
    pub files: Vec<SavedFile>,
    /// The secrets in them, so that they can be covered when changes are shown.
    pub secrets: Vec<String>,
}

/// One file as it was.
#[derive(Serialize, Deserialize)]
pub struct SavedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
    client: String,
    content: String,
    after: Digest,
    entries: Vec<SavedEntry>,
}

/// One entry as it was.
#[derive(Serialize, Deserialize)]
struct SavedEntry {
    place: Vec<String>,
    app: String,
    content: String,
}

/// What leaving does to one file.
#[derive(Debug, PartialEq, Eq)]
pub enum Restoration {
    /// It is as it was before `init`, or nothing in it is ours any more.
    Nothing,
    /// It is as `init` left it: every byte is put back.
    Whole { before: Vec<u8>, after: Vec<u8> },
    /// It was edited since: our entries are taken out, the rest stays. `left`: entries that are not ours any more. `astray`: those of
    /// which nobody can tell, and those through this gateway that `init` did not write, with where they lead, so that the backup is still
    /// needed.
    Edited { before: Vec<u8>, after: Vec<u8>, left: Vec<String>, astray: Vec<(String, Leads)> },
    /// It is gone: it is made again.
    Gone { after: Vec<u8> },
    /// It is gone with its folder, which may have got another name: nothing is made, and the backup is still needed.
    NoFolder,
    /// It cannot be read any more.
    Stuck(String),
}

impl Backup {
    /// What the plan is about to change.
    pub fn of(plan: &Plan) -> Self {
        let files = plan.files.iter().map(|file| SavedFile {
            path: file.path.clone(),
            mode: file.mode,
            client: file.client.as_str().to_owned(),
            content: STANDARD.encode(&file.before),
            after: digest(&file.after),
            entries: file
                .entries
                .iter()
                .map(|entry| SavedEntry {
                    place: entry.place.clone(),
                    app: entry.app.to_string(),
                    content: STANDARD.encode(&entry.before),
                })
                .collect(),
        });
        let secrets = plan.secrets().map(|moved| moved.secret.expose().clone()).collect();
        Self { version: VERSION, files: files.collect(), secrets }
    }

    /// The sealed bytes.
    pub fn sealed(&self, key: &VaultKey) -> Result<Vec<u8>, Fault> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| Fault::new(Blame::Bug, "bug.backup", "the backup could not be written").because(error))?;
        seal(key, PURPOSE, &plain)
    }

    /// What was sealed. Error: another key, or not a bit as it was.
    pub fn unsealed(key: &VaultKey, sealed: &[u8]) -> Result<Self, Fault> {
        let plain = unseal(key, PURPOSE, sealed)?;
        let damaged = || Fault::new(Blame::Operator, "operator.backup", "the backup is of another version");
        let backup: Self = serde_json::from_slice(&plain).map_err(|error| damaged().because(error))?;
        if backup.version == VERSION { Ok(backup) } else { Err(damaged()) }
    }

    /// Where the folder of a file is not there any more, the file is looked for beside the configuration: both may have been moved.
    pub fn follow(&mut self, config: &Path) {
        let known: Vec<PathBuf> = self.files.iter().map(|file| file.path.clone()).collect();
        for file in self.files.iter_mut().filter(|file| !file.has_folder()) {
            let moved = file.path.ancestors().skip(1).filter_map(|folder| {
                let moved = config.parent()?.join(file.path.strip_prefix(folder).ok()?);
                (!known.contains(&moved) && file.is_known_at(&moved)).then_some(moved)
            });
            if let Some(moved) = moved.last() {
                file.path = moved;
            }
        }
    }
}

impl SavedFile {
    /// What leaving would do to the file as it is now. `ours`: how our entries start. Error: it cannot be read.
    pub fn restoration(&self, ours: &Gatewayed) -> Result<Restoration, Fault> {
        let now = match std::fs::read(&self.path) {
            Ok(now) => now,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !self.has_folder() {
                    return Ok(Restoration::NoFolder);
                }
                return Ok(Restoration::Gone { after: decoded(&self.content)? });
            }
            Err(error) => {
                let said = format!("`{}` cannot be read: {error}", self.path.display());
                return Err(Fault::new(Blame::Operator, "operator.client_file", said).because(error));
            }
        };
        let original = decoded(&self.content)?;
        if now == original {
            return Ok(Restoration::Nothing);
        }
        if digest(&now) == self.after {
            return Ok(Restoration::Whole { before: now, after: original });
        }
        self.edited(now, &original, ours)
    }

    fn has_folder(&self) -> bool {
        self.path.parent().is_some_and(Path::exists)
    }

    /// Whether the file at this place is, byte for byte, this one before or after `init`.
    fn is_known_at(&self, path: &Path) -> bool {
        std::fs::read(path)
            .is_ok_and(|now| digest(&now) == self.after || decoded(&self.content).is_ok_and(|was| was == now))
    }

    /// Each entry of ours goes, and what stood in its place comes back; every other byte stays.
    fn edited(&self, now: Vec<u8>, original: &[u8], ours: &Gatewayed) -> Result<Restoration, Fault> {
        let strict = blank(&now);
        let document = match Document::parse(&strict) {
            Ok(document) => document,
            Err(error) => return Ok(Restoration::Stuck(error.to_string())),
        };
        let (mut edits, mut left, mut astray) = (Vec::new(), Vec::new(), Vec::new());
        for entry in &self.entries {
            let found = |wanted: Leads| {
                let is = |value: json::Value<'_, '_>| leads(value, &entry.app, ours) == wanted;
                let same_place = place_of(&document, &entry.place).filter(|value| is(*value));
                let value = same_place.or_else(|| self.elsewhere(&document, &is, &edits))?;
                Some((wanted, value))
            };
            match [Leads::Here, Leads::Missing, Leads::Unnamed].into_iter().find_map(found) {
                Some((Leads::Here, value)) => edits.push((value.span(), decoded(&entry.content)?)),
                Some((leads, _)) => astray.push((entry.place.join("."), leads)),
                None => left.push(entry.place.join(".")),
            }
        }
        for place in self.not_of_init(&document, original, ours, &edits) {
            left.retain(|other| *other != place);
            astray.push((place, Leads::Here));
        }
        edits.sort_by_key(|(span, _)| span.start);
        let edits: Vec<_> = edits.iter().map(|(span, content)| (span.clone(), content.as_slice())).collect();
        let after = json::splice(&now, &edits);
        drop(document);
        drop(strict);
        let nothing = after == now && astray.is_empty();
        Ok(if nothing { Restoration::Nothing } else { Restoration::Edited { before: now, after, left, astray } })
    }

    /// An entry of ours under another name, where somebody renamed it.
    fn elsewhere<'d, 'a>(
        &self,
        document: &'d Document<'a>,
        ours: &dyn Fn(json::Value<'_, '_>) -> bool,
        taken: &[(std::ops::Range<usize>, Vec<u8>)],
    ) -> Option<json::Value<'d, 'a>> {
        let known = |place: &[String]| self.entries.iter().any(|entry| entry.place == place);
        entries(document, &self.of_client())
            .into_iter()
            .filter(|entry| !known(&entry.place) && ours(entry.value))
            .map(|entry| entry.value)
            .find(|value| !taken.iter().any(|(span, _)| *span == value.span()))
    }

    /// Entries through this gateway that are not taken out, and did not stand there before `init`.
    fn not_of_init(
        &self,
        document: &Document<'_>,
        original: &[u8],
        ours: &Gatewayed,
        taken: &[(std::ops::Range<usize>, Vec<u8>)],
    ) -> Vec<String> {
        let strict = blank(original);
        let before = Document::parse(&strict).ok();
        let stood = |entry: &Entry<'_, '_>| {
            let there = before.as_ref().and_then(|before| place_of(before, &entry.place));
            there.is_some_and(|there| there.raw() == entry.value.raw())
        };
        entries(document, &self.of_client())
            .into_iter()
            .filter(|entry| leads_here(entry.value, ours) && !stood(entry))
            .filter(|entry| !taken.iter().any(|(span, _)| *span == entry.value.span()))
            .map(|entry| entry.place.join("."))
            .collect()
    }

    fn of_client(&self) -> ClientFile {
        let client = [Client::ClaudeDesktop, Client::ClaudeCode, Client::VsCode, Client::Cursor]
            .into_iter()
            .find(|client| client.as_str() == self.client)
            .unwrap_or(Client::Other);
        ClientFile { client, path: self.path.clone(), project: None }
    }
}

/// Where the backup is.
pub fn backup_file(data: &Path) -> PathBuf {
    data.join(BACKUP)
}

/// Where the backup is after `leave`.
pub fn used_backup_file(data: &Path) -> PathBuf {
    data.join(USED_BACKUP)
}

fn digest(bytes: &[u8]) -> Digest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    Digest::new(<[u8; 32]>::try_from(digest.as_ref()).unwrap_or_default())
}

fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD
        .decode(text)
        .map_err(|error| Fault::new(Blame::Operator, "operator.backup", "the backup is damaged").because(error))
}

/// Its name in a data directory.
pub const BACKUP: &str = "backup.sealed";
/// Its name after `leave`.
pub const USED_BACKUP: &str = "backup.used.sealed";

const VERSION: u32 = 1;
const PURPOSE: &str = "init-backup";
