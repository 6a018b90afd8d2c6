//! Where things stand: the configuration and the data directory, even when the configuration cannot be read whole.

use std::path::{Path, PathBuf};

use model::{Blame, Fault};
use serde::Deserialize;

/// The configuration and its data directory, as whole paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The configuration.
    pub config: PathBuf,
    /// The data directory.
    pub data: PathBuf,
}

/// The one key that says where the data is. Everything else in the file may be wrong, or need variables that only the
/// gateway's environment has.
#[derive(Deserialize)]
struct OnlyData {
    data: Option<String>,
}

impl Place {
    /// Where a configuration and its data stand; `here` completes relative paths.
    pub fn of(config: &Path, here: &Path) -> Self {
        let config = plain(&here.join(config));
        let text = std::fs::read_to_string(&config).unwrap_or_default();
        let said = match yaml_tree::typed::<OnlyData>(&text) {
            Ok(only) => only.data,
            // Somebody is in the middle of editing: the line alone may still be read.
            Err(_) => text
                .lines()
                .filter(|line| line.starts_with("data:"))
                .find_map(|line| yaml_tree::typed::<OnlyData>(line).ok()?.data),
        };
        let data = config.parent().unwrap_or(here).join(said.as_deref().unwrap_or(DATA));
        Self { config, data }
    }

    /// Error: there is no configuration, with this way out.
    pub fn is_there(&self, way_out: &'static str) -> Result<(), Fault> {
        if self.config.is_file() {
            return Ok(());
        }
        let said = format!("there is no configuration at `{}`", self.config.display());
        Err(Fault::new(Blame::Operator, "operator.no_config", said).hint(way_out))
    }

    /// Where the command was started.
    pub fn here() -> PathBuf {
        std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
    }
}

/// Without `.` in it: paths are shown and compared.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

/// The data directory, unless the configuration names another.
pub const DATA: &str = "countersign-data";

#[cfg(test)]
mod tests;
