//! `tools classify`: a profile to start from, for an app that has none.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use json::{Document, Kind};
use model::limits::LIST_BYTES_MAX;
use model::{Blame, Class, Fault};
use profile::ToolDefinition;
use profile::draft::{DraftedTool, draft, to_yaml};
use serde_json::{Value, json};

use super::super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{ClassifyArgs, Common};
use crate::operations::Operation;
use crate::terminal::{out, say};
use crate::words::counted;

/// Prints the proposal. What could not be read is said on standard error.
pub(super) async fn run(common: &Common, args: &ClassifyArgs) -> Result<ExitCode, Fault> {
    let (definitions, left_out) = match &args.from {
        Some(file) => listed(&file.display().to_string(), &bytes_of(file)?)?,
        None => offered(common, args.app.as_deref().unwrap_or_default()).await?,
    };
    let tools = draft(&definitions);
    let name = profile_name(args.app.as_deref().unwrap_or("proposed"));
    if common.json {
        out(json!({ "profile": name, "tools": tools.iter().map(row).collect::<Vec<_>>(), "left_out": left_out }));
    } else {
        out(to_yaml(&name, &tools).trim_end());
    }
    for one in &left_out {
        say(format_args!("left out: {}", plain(one)));
    }
    say(summary(&tools));
    Ok(ExitCode::SUCCESS)
}

async fn offered(common: &Common, app: &str) -> Result<(Vec<ToolDefinition>, Vec<String>), Fault> {
    let app = super::parse_app(app)?;
    let said = ask(&common.config, Operation::Definitions { app }).await?;
    let texts = |key: &str| said.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut left_out: Vec<String> = texts("left_out").map(str::to_owned).collect();
    let definitions = read(texts("definitions").map(str::as_bytes), &mut left_out);
    Ok((definitions, left_out))
}

/// The tools of a `tools/list` answer: the whole answer, its `result`, or the bare list.
fn listed(file: &str, bytes: &[u8]) -> Result<(Vec<ToolDefinition>, Vec<String>), Fault> {
    let refused = |said: String| {
        Fault::new(Blame::Operator, "operator.no_list", said)
            .hint("give the answer to `tools/list`: `{\"tools\": [{\"name\": …, \"inputSchema\": …}]}`")
    };
    let document = Document::parse(bytes).map_err(|error| refused(format!("`{file}` does not parse: {error}")))?;
    let root = document.root();
    let result = root.get("result").unwrap_or(root);
    let list = result.get("tools").unwrap_or(result);
    if list.kind() != Kind::Array {
        return Err(refused(format!("`{file}` holds no list of tools")));
    }
    let mut left_out = Vec::new();
    let definitions = read(list.items().map(|item| item.raw()), &mut left_out);
    if result.get("nextCursor").is_some_and(|cursor| !cursor.is_null()) {
        left_out.push("what stands on further pages of the list".to_owned());
    }
    Ok((definitions, left_out))
}

fn read<'b>(raw: impl Iterator<Item = &'b [u8]>, left_out: &mut Vec<String>) -> Vec<ToolDefinition> {
    let mut definitions = Vec::new();
    for (at, raw) in raw.enumerate() {
        match ToolDefinition::parse(raw) {
            Ok(definition) => definitions.push(definition),
            Err(error) => left_out.push(format!("number {} of the list: {error}", at + 1)),
        }
    }
    definitions
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Fault> {
    let name = file.display();
    let refused = |said: String| Fault::new(Blame::Operator, "operator.no_list", said);
    let reader: Box<dyn std::io::Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(|error| refused(format!("`{name}` cannot be read: {error}")))?)
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(LIST_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_to_end(&mut bytes).map_err(|error| refused(format!("`{name}` cannot be read: {error}")))?;
    if bytes.len() > LIST_BYTES_MAX {
        return Err(refused(format!("`{name}` is larger than {LIST_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// A profile's name takes a-z, 0-9 and `-`.
fn profile_name(text: &str) -> String {
    let lower = text.chars().map(|letter| letter.to_ascii_lowercase());
    lower.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).take(NAME_CHARS_MAX).collect()
}

fn row(tool: &DraftedTool) -> Value {
    let arguments: serde_json::Map<String, Value> =
        tool.arguments.iter().map(|(argument, role)| (argument.clone(), json!(role))).collect();
    json!({
        "tool": tool.tool,
        "class": tool.proposal.class,
        "why": tool.proposal.why,
        "verb": tool.verb,
        "arguments": arguments,
        "findings": tool.findings,
    })
}

/// `12 tools: 7 read, 3 write, 2 destructive; read every line before you use it`.
fn summary(tools: &[DraftedTool]) -> String {
    let counts = Class::ALL.map(|class| (class, tools.iter().filter(|tool| tool.proposal.class == class).count()));
    let counts: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(class, count)| format!("{count} {class}")).collect();
    if counts.is_empty() {
        return counted(0, "tool");
    }
    format!("{}: {}; read every line before you use it", counted(tools.len(), "tool"), counts.join(", "))
}

const NAME_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests;
