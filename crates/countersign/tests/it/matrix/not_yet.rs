//! The cells that do not work yet, with the reason: `FEATURE CLIENTS UPSTREAMS FRONTS BACKS: reason`.

use anyhow::{Context, Result};

use super::cell::Cell;

/// The list.
pub(super) struct NotYet {
    lines: Vec<Line>,
}

struct Line {
    feature: String,
    columns: [String; 4],
    reason: String,
}

// === impl NotYet ===

impl NotYet {
    /// As it stands beside this file.
    pub(super) fn read() -> Result<Self> {
        let lines =
            include_str!("not_yet.txt").lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        Ok(Self { lines: lines.map(line).collect::<Result<_>>()? })
    }

    /// Why a cell does not work yet; none if it should.
    pub(super) fn reason(&self, feature: &str, cell: &Cell<'_>) -> Option<&str> {
        let (client, upstream) = (cell.revision.as_str(), cell.upstream().as_str());
        let values = [client, upstream, cell.front.as_str(), cell.stage.back.as_str()];
        let of_cell = |line: &&Line| {
            fits(&line.feature, feature) && line.columns.iter().zip(values).all(|(column, value)| fits(column, value))
        };
        self.lines.iter().find(of_cell).map(|line| line.reason.as_str())
    }
}

fn line(text: &str) -> Result<Line> {
    let (columns, reason) = text.split_once(": ").with_context(|| format!("no reason in `{text}`"))?;
    let words: Vec<String> = columns.split_whitespace().map(str::to_owned).collect();
    let columns: [String; 5] = words.try_into().ok().with_context(|| format!("not five columns: `{text}`"))?;
    let [feature, clients, upstreams, fronts, backs] = columns;
    Ok(Line { feature, columns: [clients, upstreams, fronts, backs], reason: reason.to_owned() })
}

/// Whether a column, names with commas between or `*`, holds a value.
fn fits(column: &str, value: &str) -> bool {
    column == "*" || column.split(',').any(|one| one == value)
}
