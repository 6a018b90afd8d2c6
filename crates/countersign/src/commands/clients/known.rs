//! Where clients keep their configurations.

use std::path::{Path, PathBuf};

/// A client we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code.
    ClaudeCode,
    /// VS Code.
    VsCode,
    /// Cursor.
    Cursor,
    /// A file somebody named.
    Other,
}

/// What the search depends on.
pub struct Surroundings<'a> {
    /// The home directory.
    pub home: &'a Path,
    /// The project: where the command was started.
    pub here: &'a Path,
    /// Whether files stand where macOS wants them.
    pub macos: bool,
    /// Variables of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// One configuration of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFile {
    /// Whose it is.
    pub client: Client,
    /// Where it is, as it was found.
    pub path: PathBuf,
    /// The project it belongs to; none for a person's own.
    pub project: Option<PathBuf>,
}

impl Client {
    /// For ids: `claude-desktop`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "claude-desktop",
            Self::ClaudeCode => "claude-code",
            Self::VsCode => "vs-code",
            Self::Cursor => "cursor",
            Self::Other => "client",
        }
    }

    /// For people: `Claude Desktop`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::VsCode => "VS Code",
            Self::Cursor => "Cursor",
            Self::Other => "client",
        }
    }
}

/// The files that are there: of people, of the project, and those that were named. Each once.
pub fn find(around: &Surroundings<'_>, named: &[PathBuf], only: bool) -> Vec<ClientFile> {
    let mut files = if only { Vec::new() } else { usual(around) };
    files.extend(named.iter().map(|path| of_path(around, &around.here.join(path))));
    files.retain(|file| file.path.is_file() || named.iter().any(|path| around.here.join(path) == file.path));
    let mut seen = Vec::new();
    files.retain(|file| {
        let real = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        let fresh = !seen.contains(&real);
        seen.push(real);
        fresh
    });
    files
}

fn usual(around: &Surroundings<'_>) -> Vec<ClientFile> {
    let (home, here) = (around.home, around.here);
    let own = |client, path: PathBuf| ClientFile { client, path, project: None };
    let ours = |client, path: &str| ClientFile { client, path: here.join(path), project: Some(here.to_owned()) };
    let applications = home.join(if around.macos { "Library/Application Support" } else { ".config" });
    vec![
        own(Client::ClaudeDesktop, applications.join("Claude").join(DESKTOP)),
        own(Client::ClaudeCode, home.join(".claude.json")),
        own(Client::VsCode, applications.join("Code/User/mcp.json")),
        own(Client::Cursor, home.join(".cursor/mcp.json")),
        ours(Client::ClaudeCode, ".mcp.json"),
        ours(Client::VsCode, ".vscode/mcp.json"),
        ours(Client::Cursor, ".cursor/mcp.json"),
    ]
}

/// Whose file this is, by its name.
fn of_path(around: &Surroundings<'_>, path: &Path) -> ClientFile {
    let folder = path.parent().unwrap_or(path);
    let above = folder.parent().filter(|above| *above != around.home).map(Path::to_owned);
    let (client, project) = if path.ends_with(DESKTOP) {
        (Client::ClaudeDesktop, None)
    } else if path.ends_with(".claude.json") {
        (Client::ClaudeCode, None)
    } else if path.ends_with(".mcp.json") {
        (Client::ClaudeCode, Some(folder.to_owned()))
    } else if path.ends_with("Code/User/mcp.json") {
        (Client::VsCode, None)
    } else if path.ends_with(".vscode/mcp.json") {
        (Client::VsCode, above)
    } else if path.ends_with(".cursor/mcp.json") {
        (Client::Cursor, above)
    } else {
        (Client::Other, None)
    };
    ClientFile { client, path: path.to_owned(), project }
}

const DESKTOP: &str = "claude_desktop_config.json";

#[cfg(test)]
mod tests;
