//! What a rule says of itself in the comment above it, as Open Policy Agent writes it: `# METADATA`, then YAML.

use serde::Deserialize;

use crate::error::Complaint;

/// What is read of it. Everything else there is for other readers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    /// The sentence people read.
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) custom: Custom,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Custom {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) observe: bool,
    #[serde(default)]
    pub(super) security_relevant: bool,
}

/// Reads the comment that ends above this line, counted from 1. Error: it is not what it says it is.
pub(super) fn above(text: &str, line: u32) -> Result<Metadata, Complaint> {
    let lines: Vec<&str> = text.lines().take(line.saturating_sub(1) as usize).collect();
    let comment = lines.iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
    let comment = lines.get(lines.len().saturating_sub(comment)..).unwrap_or_default();
    let Some(start) = comment.iter().rposition(|line| line.trim_start().trim_start_matches('#').trim() == "METADATA")
    else {
        return Ok(Metadata::default());
    };
    let yaml: Vec<&str> = comment.iter().skip(start + 1).map(|line| uncommented(line)).collect();
    if yaml.iter().all(|line| line.trim().is_empty()) {
        return Ok(Metadata::default());
    }
    serde_saphyr::from_str(&yaml.join("\n")).map_err(|error| {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        Complaint::new(0, format!("the metadata above this rule cannot be read: {first}"))
            .hint("it is YAML, for example `# custom: {id: no-exports}`")
    })
}

fn uncommented(line: &str) -> &str {
    let line = line.trim_start();
    let line = line.strip_prefix('#').unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line)
}
