//! The vault: secrets in an encrypted file.
//!
//! Each secret and version has a key of its own, wrapped under the vault's key; both are bound to name, version and
//! time, so entries cannot change places. Names, versions and times stand in clear. A whole older copy of the file, or
//! a file with an entry cut out, is still a good vault: who can write it can do that.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::limits::{FILE_BYTES_MAX, SECRET_BYTES_MAX};
use model::{Blame, Fault, Secret, UnixMicros};
use private_file::{Draft, Openness};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::seal::{VaultKey, random_key, seal_under, unseal_under};
use crate::source::{NAME_WANTED, name_like};

/// Secrets in an encrypted file. A change by another process is seen at the next use.
pub struct Vault {
    path: PathBuf,
    wrapping: Secret<[u8; 32]>,
    key_id: String,
    loaded: ArcSwapOption<Loaded>,
}

/// One secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultEntry {
    /// What it is called.
    pub name: String,
    /// How often it was set.
    pub version: u64,
    /// When it was set last, as the file system tells the time.
    pub set_at: UnixMicros,
}

/// What was read, and of which file exactly.
struct Loaded {
    stamp: Stamp,
    content: VaultFile,
}

#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    mode: u32,
    owner: u32,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultFile {
    format: String,
    key_id: String,
    secrets: BTreeMap<String, Sealed>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u64,
    set_at: UnixMicros,
    /// The secret's own key, sealed under the vault's.
    key: String,
    /// The value, sealed under its own key.
    value: String,
}

// === impl Vault ===

impl Vault {
    /// The vault of this file; no file is an empty vault. Error: blame `Operator` (open to others, damaged, another key).
    pub fn open(path: &Path, key: VaultKey) -> Result<Self, Fault> {
        let key_id = key.derive("vault key id")?.expose().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let wrapping = key.derive("vault wrapping key")?;
        let vault = Self { path: path.to_owned(), wrapping, key_id, loaded: ArcSwapOption::empty() };
        vault.load()?;
        Ok(vault)
    }

    /// Whether [`Vault::set`] would take this name and value. Error: blame `Caller`.
    pub fn check(name: &str, value: &Secret<String>) -> Result<(), Fault> {
        if !name_like(name) {
            let said = format!("`{}` is not the name of a secret", name.chars().take(48).collect::<String>());
            return Err(Fault::new(Blame::Caller, "vault.name", said).hint(format!("it takes {NAME_WANTED}")));
        }
        if value.expose().is_empty() || value.expose().len() > SECRET_BYTES_MAX {
            return Err(Fault::new(Blame::Caller, "vault.value", "a secret is never empty, nor that long")
                .hint(format!("it takes 1 to {SECRET_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// Keeps a value under this name; a value that is there is replaced. Durable when this returns.
    pub fn set(&self, name: &str, value: Secret<String>) -> Result<(), Fault> {
        Self::check(name, &value)?;
        self.change(|content, set_at| {
            let version = content.secrets.get(name).map_or(0, |sealed| sealed.version).saturating_add(1);
            let about = about(name, version, set_at);
            let own = random_key()?;
            let key = STANDARD.encode(seal_under(&self.wrapping, &about, own.expose())?);
            let value = STANDARD.encode(seal_under(&own, &about, value.expose().as_bytes())?);
            content.secrets.insert(name.to_owned(), Sealed { version, set_at, key, value });
            Ok(true)
        })
        .map(drop)
    }

    /// The value of this name. Error: there is none, or it was tampered with.
    pub fn get(&self, name: &str) -> Result<Secret<String>, Fault> {
        let loaded = self.load()?;
        let sealed = loaded.as_ref().and_then(|loaded| loaded.content.secrets.get(name)).ok_or_else(|| {
            let shown: String = name.chars().take(128).collect();
            Fault::new(Blame::Operator, "vault.unknown", format!("the vault has no secret `{shown}`"))
                .hint(format!("`countersign vault set {shown}` puts it there"))
        })?;
        sealed.open(name, &self.wrapping).ok_or_else(|| {
            let said = format!("the secret `{name}` cannot be opened: the vault file was tampered with or damaged");
            Fault::new(Blame::Operator, "vault.damaged", said)
                .hint(format!("put a good copy of `{}` back, or set `{name}` anew", self.path.display()))
        })
    }

    /// All names.
    pub fn list(&self) -> Result<Vec<VaultEntry>, Fault> {
        let Some(loaded) = self.load()? else { return Ok(Vec::new()) };
        let entry = |(name, sealed): (&String, &Sealed)| VaultEntry {
            name: name.clone(),
            version: sealed.version,
            set_at: sealed.set_at,
        };
        Ok(loaded.content.secrets.iter().map(entry).collect())
    }

    /// Removes a secret; false where there is none of that name. Durable when this returns.
    pub fn remove(&self, name: &str) -> Result<bool, Fault> {
        if self.load()?.is_none_or(|loaded| !loaded.content.secrets.contains_key(name)) {
            return Ok(false);
        }
        self.change(|content, _| Ok(content.secrets.remove(name).is_some()))
    }

    /// Changes the file under its lock, so that of two changes at once none is lost. Nothing is written where `change`
    /// says that nothing changed.
    fn change(&self, change: impl FnOnce(&mut VaultFile, UnixMicros) -> Result<bool, Fault>) -> Result<bool, Fault> {
        let _lock = self.lock()?;
        let mut content = match self.load()? {
            Some(loaded) => loaded.content.clone(),
            None => VaultFile { format: FORMAT.to_owned(), key_id: self.key_id.clone(), secrets: BTreeMap::new() },
        };
        let draft = Draft::new(&self.path)?;
        let done = draft.made_at().and_then(|now| change(&mut content, UnixMicros(now))).and_then(|changed| {
            let text = serde_json::to_string_pretty(&content)
                .map_err(|error| Fault::new(Blame::Bug, "vault.write", "the vault cannot be written").because(error))?;
            if u64::try_from(text.len()).is_ok_and(|length| length < FILE_BYTES_MAX) {
                Ok(changed.then_some(text))
            } else {
                Err(Fault::new(Blame::Operator, "vault.full", "the vault is full")
                    .hint("remove secrets that nothing uses"))
            }
        });
        match done {
            Ok(Some(text)) => draft.replace(format!("{text}\n").as_bytes()).map(|()| true),
            Ok(None) => draft.discard().map(|()| false),
            Err(fault) => draft.discard().and(Err(fault)),
        }
    }

    /// Beside the file, for the file itself is replaced.
    fn lock(&self) -> Result<File, Fault> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = self.path.with_file_name(name);
        let wrap = |error| private_file::unwritable(&path, error);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(wrap)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|error| wrap(error.into()))?;
        Ok(file)
    }

    /// What the file says now; it is read only if it is another file than last time.
    fn load(&self) -> Result<Option<Arc<Loaded>>, Fault> {
        if let Some(loaded) = self.loaded.load_full()
            && std::fs::metadata(&self.path).is_ok_and(|about| Stamp::of(&about) == loaded.stamp)
        {
            return Ok(Some(loaded));
        }
        let Some((file, about)) = private_file::open(&self.path, Openness::Owner, FILE_BYTES_MAX)? else {
            self.loaded.store(None);
            return Ok(None);
        };
        let text = private_file::content(&self.path, file, &about)?;
        let content = self.parse(text.expose())?;
        let loaded = Arc::new(Loaded { stamp: Stamp::of(&about), content });
        self.loaded.store(Some(Arc::clone(&loaded)));
        Ok(Some(loaded))
    }

    fn parse(&self, text: &[u8]) -> Result<VaultFile, Fault> {
        let path = self.path.display();
        let content: VaultFile = serde_json::from_slice(text).map_err(|error| {
            Fault::new(Blame::Operator, "vault.damaged", format!("`{path}` is not a vault"))
                .hint("put a good copy back, or remove it and set every secret anew")
                .because(error)
        })?;
        if content.format != FORMAT {
            return Err(Fault::new(Blame::Operator, "vault.format", format!("`{path}` is a vault of another version"))
                .hint(format!("this countersign reads `{FORMAT}`")));
        }
        if content.key_id != self.key_id {
            return Err(Fault::new(Blame::Operator, "vault.wrong_key", format!("`{path}` belongs to another key"))
                .hint("put the key file back that belongs to this vault"));
        }
        Ok(content)
    }
}

// === impl Sealed ===

impl Sealed {
    fn open(&self, name: &str, wrapping: &Secret<[u8; 32]>) -> Option<Secret<String>> {
        let about = about(name, self.version, self.set_at);
        let own = Secret::new(unseal_under(wrapping, &about, &STANDARD.decode(&self.key).ok()?)?);
        let own = Secret::new(<[u8; 32]>::try_from(own.expose().as_slice()).ok()?);
        let value = unseal_under(&own, &about, &STANDARD.decode(&self.value).ok()?)?;
        String::from_utf8(value).ok().map(Secret::new)
    }
}

// === impl Stamp ===

impl Stamp {
    fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
            mode: about.mode(),
            owner: about.uid(),
        }
    }
}

/// What a sealed value is bound to. A name holds no `|`.
fn about(name: &str, version: u64, set_at: UnixMicros) -> Vec<u8> {
    format!("countersign-vault|{name}|{version}|{}", set_at.0).into_bytes()
}

const FORMAT: &str = "countersign-vault-1";

#[cfg(test)]
mod tests;
