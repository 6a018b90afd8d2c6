//! `tools`, `tools pin` and `tools classify`: what apps offer and say, a person's yes to it, and a profile to start from.

use std::process::ExitCode;

use model::{AppId, Blame, Fault};
use serde_json::Value;

use super::trace::readable::plain;
use crate::ask::ask;
use crate::cli::{Common, PinArgs, ToolsAction, ToolsArgs};
use crate::operations::{Operation, shown_in};
use crate::terminal::{Ink, Look, confirm, out, say};
use crate::words::counted;

mod classify;

/// Lists tools, pins them, or proposes a profile.
pub async fn run(common: &Common, args: &ToolsArgs) -> Result<ExitCode, Fault> {
    match &args.action {
        Some(ToolsAction::Pin(pin)) => return self::pin(common, pin).await,
        Some(ToolsAction::Classify(what)) => return classify::run(common, what).await,
        None => {}
    }
    let app = args.app.as_deref().map(parse_app).transpose()?;
    let said = ask(&common.config, Operation::Tools { app, refresh: args.refresh, class: None }).await?;
    if common.json {
        out(said);
    } else {
        table(&said);
    }
    Ok(ExitCode::SUCCESS)
}

async fn pin(common: &Common, args: &PinArgs) -> Result<ExitCode, Fault> {
    let (app, tool) = match args
        .what
        .as_deref()
        .map(|what| what.split_once('/').map_or((what, None), |(app, tool)| (app, Some(tool))))
    {
        None => (None, None),
        Some((app, tool)) => (Some(parse_app(app)?), tool.map(str::to_owned)),
    };
    let mut shown = None;
    if !args.yes {
        let said = ask(&common.config, Operation::Tools { app: app.clone(), refresh: true, class: args.class }).await?;
        shown = Some(shown_in(&said));
        table(&only(said, tool.as_deref()));
        if !confirm("Say yes to this table?") {
            say("nothing was pinned (without a terminal, `--yes` says yes)");
            return Ok(ExitCode::from(1));
        }
    }
    let said = ask(&common.config, Operation::Pin { app, tool, class: args.class, shown }).await?;
    if common.json {
        out(said);
        return Ok(ExitCode::SUCCESS);
    }
    let record = said.get("record").and_then(Value::as_str).unwrap_or_default();
    for app in said.get("left_out").and_then(Value::as_array).into_iter().flatten() {
        say(format_args!("left out: {}: {}", text(app, "app"), plain(text(app, "error"))));
    }
    out(format_args!("pinned {} as they are now (record {record})", kinds(&said)));
    Ok(ExitCode::SUCCESS)
}

/// `3 tools, 1 prompt`.
fn kinds(said: &Value) -> String {
    let pinned = said.get("pinned").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of = |kind: &str| pinned.iter().filter(|one| text(one, "kind") == kind).count();
    let counts = [("tool", of("tool")), ("prompt", of("prompt")), ("template", of("template"))];
    let mut words: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(noun, count)| counted(count, noun)).collect();
    match of("instructions") {
        0 => {}
        1 => words.push("the instructions of 1 server".to_owned()),
        count => words.push(format!("the instructions of {count} servers")),
    }
    words.join(", ")
}

/// Of all that was said, this tool, prompt, template or these instructions.
fn only(mut said: Value, named: Option<&str>) -> Value {
    let Some(named) = named else { return said };
    for app in said.get_mut("apps").and_then(Value::as_array_mut).into_iter().flatten() {
        for (list, key) in [("tools", "tool"), ("definitions", "name")] {
            if let Some(list) = app.get_mut(list).and_then(Value::as_array_mut) {
                list.retain(|one| text(one, key) == named);
            }
        }
    }
    said
}

/// Tool → class → why, and the class that a yes gives it. Whoever reads it may say yes to it, so that nothing an app says moves the
/// cursor or begins a row.
pub(super) fn table(said: &Value) {
    let look = Look::stdout();
    for app in said.get("apps").and_then(Value::as_array).into_iter().flatten() {
        let name = text(app, "app");
        if let Some(error) = app.get("error").and_then(Value::as_str) {
            out(format_args!("{}  {}", look.paint(Ink::Bold, name), look.paint(Ink::Red, plain(error))));
            if let Some(hint) = app.get("hint").and_then(Value::as_str) {
                out(format_args!("  hint: {}", plain(hint)));
            }
            continue;
        }
        out(look.paint(Ink::Bold, name));
        for tool in app.get("tools").and_then(Value::as_array).into_iter().flatten() {
            row(look, tool);
        }
        for definition in app.get("definitions").and_then(Value::as_array).into_iter().flatten() {
            other_row(look, definition);
        }
        for left_out in app.get("left_out").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            out(look.paint(Ink::Yellow, format_args!("  left out: {}", plain(left_out))));
        }
    }
}

fn row(look: Look, tool: &Value) {
    let class = text(tool, "class");
    let ink = match class {
        "read" => Ink::Green,
        "write" => Ink::Cyan,
        "external" => Ink::Yellow,
        _ => Ink::Red,
    };
    let status = match (text(tool, "status"), text(tool, "source")) {
        ("quarantined", _) => look.paint(Ink::Red, format_args!("{:<12}", "quarantined")),
        (_, source) => look.paint(Ink::Dim, format_args!("{source:<12}")),
    };
    let by_a_yes = text(tool, "by_a_yes");
    let becomes = if by_a_yes == class { String::new() } else { format!("; a yes makes it `{}`", plain(by_a_yes)) };
    out(format_args!(
        "  {:<32} {} {status} {}{becomes}",
        plain(text(tool, "tool")),
        look.paint(ink, format_args!("{class:<12}")),
        plain(text(tool, "why"))
    ));
    below(look, tool);
}

/// A prompt, a template, or the instructions.
fn other_row(look: Look, definition: &Value) {
    let status = text(definition, "status");
    let ink = if status == "quarantined" { Ink::Red } else { Ink::Dim };
    out(format_args!("  {:<32} {:<12} {}", plain(text(definition, "name")), "", look.paint(ink, status)));
    below(look, definition);
}

/// What was found in a definition, and what changed in it.
fn below(look: Look, definition: &Value) {
    for finding in definition.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let severity = text(finding, "severity");
        let ink = if severity == "quarantine" { Ink::Red } else { Ink::Yellow };
        out(format_args!(
            "      {} {} in {}: {}",
            look.paint(ink, severity),
            text(finding, "pattern"),
            plain(text(finding, "at")),
            plain(text(finding, "excerpt"))
        ));
    }
    for line in definition.get("diff").and_then(Value::as_str).into_iter().flat_map(str::lines) {
        let ink = match line.chars().next() {
            Some('+') => Ink::Green,
            Some('-') => Ink::Red,
            _ => Ink::Dim,
        };
        out(format_args!("      {}", look.paint(ink, plain(line))));
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn parse_app(text: &str) -> Result<AppId, Fault> {
    AppId::parse(text).map_err(|error| Fault::new(Blame::Operator, "operator.no_app", error.to_string()))
}
