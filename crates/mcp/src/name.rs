//! Joined names: `app__tool`, split at the first `__`; one over 64 characters gets a stable digest tail.

use model::limits::JOINED_NAME_CHARS_MAX;
use model::{AppId, ToolName};

/// The name of a tool at the endpoint of all apps. Stable: the same app and tool always give the same name.
///
/// App ids hold no `_`, so the first `__` always ends the app. Long names keep their start and get `_` and 12
/// hexadecimal digits of the SHA-256 of the whole.
pub fn joined(app: &AppId, tool: &ToolName) -> String {
    let whole = format!("{app}__{tool}");
    if whole.len() <= JOINED_NAME_CHARS_MAX {
        return whole;
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, whole.as_bytes());
    let tail: String = digest.as_ref().iter().take(TAIL_CHARS / 2).map(|byte| format!("{byte:02x}")).collect();
    let kept = JOINED_NAME_CHARS_MAX - 1 - tail.len();
    format!("{}_{tail}", whole.get(..kept).unwrap_or(&whole))
}

/// Whether a joined name may be one that was shortened: what it stands for is known to whoever has the list it is in.
pub fn may_be_shortened(name: &str) -> bool {
    let tail = name.rsplit_once('_').map(|(_, tail)| tail).unwrap_or_default();
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.len() == JOINED_NAME_CHARS_MAX && tail.len() == TAIL_CHARS && tail.bytes().all(hexadecimal)
}

/// The app a joined name starts with, and the rest.
pub fn split(name: &str) -> Option<(AppId, &str)> {
    let (app, rest) = name.split_once("__")?;
    Some((AppId::parse(app).ok()?, rest))
}

/// The address of a resource at the endpoint of all apps: `app+address`, for example `crm+notes://today`.
pub fn joined_uri(app: &AppId, uri: &str) -> String {
    format!("{app}+{uri}")
}

/// The app a joined address starts with, and the address inside it. App ids hold no `+`, so the first one ends the app.
pub fn split_uri(uri: &str) -> Option<(AppId, &str)> {
    let (app, rest) = uri.split_once('+')?;
    Some((AppId::parse(app).ok()?, rest))
}

const TAIL_CHARS: usize = 12;

#[cfg(test)]
mod tests;
