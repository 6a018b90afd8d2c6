//! The classifier's proposals beside the classes that a person gave: `crates/profile/labels`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use model::Class;
use profile::{ToolDefinition, classify};

/// One of the two halves of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// Rules may be made by looking at it.
    Tuning,
    /// Only counted.
    HeldOut,
}

/// What a person and the classifier say of one tool.
pub(crate) struct Judged {
    pub(crate) server: String,
    pub(crate) tool: String,
    pub(crate) label: Class,
    pub(crate) proposed: Class,
    pub(crate) why: String,
}

/// Where the definitions lie, if they are here: `shared/data/tool-definitions` beside the workspace or above it.
pub(crate) fn definitions() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|folder| folder.join("shared/data/tool-definitions/tools.jsonl")).find(|file| file.is_file())
}

/// Classifies every labelled tool of a half. Error: labels and definitions do not belong together.
pub(crate) fn judge(half: Half, definitions: &Path) -> Result<Vec<Judged>, String> {
    let defined = read_definitions(definitions)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("labels").join(half.file());
    let labels = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = labels.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| judge_line(line, &defined)).collect()
}

/// Every definition by server, version and tool, as `tools/list` would give it.
pub(crate) fn read_definitions(file: &Path) -> Result<BTreeMap<[String; 3], ToolDefinition>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut defined = BTreeMap::new();
    for line in text.lines() {
        let mut tool: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let key = ["server", "version", "tool"].map(|key| tool[key].as_str().unwrap_or_default().to_owned());
        tool["name"] = tool["tool"].take();
        let definition =
            ToolDefinition::parse(tool.to_string().as_bytes()).map_err(|error| format!("{key:?}: {error}"))?;
        defined.insert(key, definition);
    }
    Ok(defined)
}

fn judge_line(line: &str, defined: &BTreeMap<[String; 3], ToolDefinition>) -> Result<Judged, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [server, version, tool, class, reason] = fields[..] else { return Err(format!("not five fields: {line}")) };
    if reason.trim().is_empty() {
        return Err(format!("no reason: {line}"));
    }
    let label = class_named(class).ok_or_else(|| format!("no class: {line}"))?;
    let key = [server, version, tool].map(str::to_owned);
    let definition = defined.get(&key).ok_or_else(|| format!("no definition: {line}"))?;
    let proposal = classify(definition);
    let [server, _, tool] = key;
    Ok(Judged { server, tool, label, proposed: proposal.class, why: proposal.why.to_string() })
}

/// A table of how often which label met which proposal.
pub(crate) fn matrix(judged: &[Judged]) -> String {
    let count = |label: Class, proposed: Class| {
        judged.iter().filter(|one| one.label == label && one.proposed == proposed).count()
    };
    let mut text =
        "| label \\ proposal | read | write | external | destructive |\n|---|---:|---:|---:|---:|\n".to_owned();
    for label in Class::ALL {
        let counts = Class::ALL.map(|proposed| count(label, proposed).to_string());
        let _ = writeln!(text, "| {label} | {} |", counts.join(" | "));
    }
    let of = |wanted: fn(&Judged) -> bool| judged.iter().filter(|one| wanted(one)).count();
    let _ = writeln!(
        text,
        "\n{} tools: {} right, {} less dangerous than they are, {} more dangerous.",
        judged.len(),
        of(|one| one.proposed == one.label),
        of(Judged::too_low),
        of(|one| one.proposed > one.label),
    );
    text
}

fn class_named(name: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.to_string() == name)
}

// === impl Half ===

impl Half {
    /// Its file of labels.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Tuning => "tuning.tsv",
            Self::HeldOut => "held-out.tsv",
        }
    }
}

// === impl Judged ===

impl Judged {
    /// Whether the proposal is less dangerous than the tool.
    pub(crate) fn too_low(&self) -> bool {
        self.proposed < self.label
    }
}
