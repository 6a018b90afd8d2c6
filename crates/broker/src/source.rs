//! Where a credential is kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a credential is kept: `env:CRM_TOKEN`, `file:/run/secrets/crm`, `vault:crm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A variable of the gateway's own environment.
    Env(String),
    /// A file, read at every use.
    File(PathBuf),
    /// A secret of the vault.
    Vault(String),
}

impl FromStr for Source {
    type Err = String;
    /// Error: a sentence. It does not repeat the text: whoever wrote the credential itself here must not find it in a
    /// log.
    fn from_str(text: &str) -> Result<Self, String> {
        let (form, rest) = text.split_once(':').ok_or(WANTED)?;
        match form {
            "env" if variable_like(rest) => Ok(Self::Env(rest.to_owned())),
            "env" => Err("`env:` takes the name of a variable: A-Z a-z 0-9 _, not a digit first".to_owned()),
            "file" if !rest.is_empty() && !rest.contains('\0') => Ok(Self::File(PathBuf::from(rest))),
            "file" => Err("`file:` takes a path".to_owned()),
            "vault" if name_like(rest) => Ok(Self::Vault(rest.to_owned())),
            "vault" => Err(format!("`vault:` takes the name of a secret: {NAME_WANTED}")),
            _ => Err(WANTED.to_owned()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Vault(name) => write!(f, "vault:{name}"),
        }
    }
}

/// Whether a secret of the vault may be called that. No `|`: names are joined with it where they are sealed.
pub(crate) fn name_like(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

fn variable_like(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

pub(crate) const NAME_WANTED: &str = "1 to 128 characters of A-Z a-z 0-9 . _ - /";
const WANTED: &str =
    "a credential is named by `env:NAME`, `file:PATH` or `vault:NAME`; the value itself must not stand here";

#[cfg(test)]
mod tests;
