//! A proposal as a file for people: in a fixed order, with `# ?` where somebody should look.

use std::fmt::Write as _;

use model::{is_hidden, spelled_out};

use crate::mapping::{Entity, Mapped};
use crate::propose::Proposal;

pub(crate) fn write(proposal: &Proposal) -> String {
    let mut out = String::from(HEAD);
    let questions = |place: &str| proposal.questions.get(place).map(Vec::as_slice).unwrap_or_default();
    let _ = writeln!(out, "api: 1\nbase: {}{}", quoted(&proposal.mapping.base), mark(questions("base")));
    let _ = writeln!(out, "\nentities:{}", if proposal.mapping.entities.is_empty() { " {}" } else { "" });
    for (name, entity) in &proposal.mapping.entities {
        let asked = |key: &str| questions(&format!("entities.{name}.{key}"));
        write_entity(&mut out, name, entity, asked);
    }
    let _ = writeln!(out, "\noperations:{}", if proposal.mapping.operations.is_empty() { " {}" } else { "" });
    for (name, mapped) in &proposal.mapping.operations {
        for question in questions(&format!("operations.{name}")) {
            let _ = writeln!(out, "  # ? {question}");
        }
        write_operation(&mut out, name, mapped);
    }
    for path in &proposal.left_out {
        let _ = writeln!(out, "# ? not understood, and left out: {}", spelled_out(path));
    }
    out
}

fn write_entity<'q>(out: &mut String, name: &str, entity: &Entity, asked: impl Fn(&str) -> &'q [String]) {
    let _ = writeln!(out, "  {}:", quoted(name));
    for (key, value) in [("id", &entity.id), ("tenant", &entity.tenant), ("state", &entity.state)] {
        match value {
            Some(value) => {
                let _ = writeln!(out, "    {key}: {}{}", quoted(value), mark(asked(key)));
            }
            None => {
                for question in asked(key) {
                    let _ = writeln!(out, "    # ? {key}: {question}");
                }
            }
        }
    }
    for question in asked("fields") {
        let _ = writeln!(out, "    # ? {}", question);
    }
    write_list(out, "fields", &entity.fields);
}

fn write_operation(out: &mut String, name: &str, mapped: &Mapped) {
    let _ = writeln!(out, "  {}:", quoted(name));
    let _ = writeln!(out, "    method: {}\n    path: {}", mapped.method, quoted(&mapped.path));
    let _ = writeln!(out, "    class: {}\n    does: {}", mapped.class, mapped.does);
    let page_max = mapped.page_max.map(|most| most.to_string());
    let texts = [
        ("entity", &mapped.entity),
        ("id", &mapped.id),
        ("rows", &mapped.rows),
        ("total", &mapped.total),
        ("cursor", &mapped.cursor),
        ("page", &mapped.page),
        ("page_max", &page_max),
        ("tenant", &mapped.tenant),
        ("form", &mapped.form),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            let value = if key == "page_max" { value.clone() } else { quoted(value) };
            let _ = writeln!(out, "    {key}: {value}");
        }
    }
    if !mapped.filters.is_empty() {
        let _ = writeln!(out, "    filters:");
        for (parameter, field) in &mapped.filters {
            let _ = writeln!(out, "      {}: {}", quoted(parameter), quoted(field));
        }
    }
    let lists = [
        ("selects", &mapped.selects),
        ("sorts", &mapped.sorts),
        ("expands", &mapped.expands),
        ("passes", &mapped.passes),
        ("body", &mapped.body),
    ];
    for (key, values) in lists {
        write_list(out, key, values);
    }
}

fn write_list(out: &mut String, key: &str, values: &[String]) {
    if values.is_empty() {
        return;
    }
    let mut line = format!("    {key}: [");
    for (place, value) in values.iter().enumerate() {
        let value = quoted(value);
        if place > 0 {
            line.push(',');
            if line.len() + value.len() > WIDTH {
                let _ = writeln!(out, "{line}");
                line = "     ".to_owned();
            }
            line.push(' ');
        }
        line.push_str(&value);
    }
    let _ = writeln!(out, "{line}]");
}

fn mark(questions: &[String]) -> String {
    if questions.is_empty() { String::new() } else { format!("  # ? {}", questions.join("; ")) }
}

/// A word as it is, anything else as a JSON string, which is YAML; in it what a reader would not see is written by its number.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/');
    let word = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !WORDS.contains(&text);
    if word {
        return text.to_owned();
    }
    let mut quoted = Vec::new();
    json::write_string(&mut quoted, text);
    let mut seen = String::with_capacity(quoted.len());
    for letter in String::from_utf8(quoted).unwrap_or_default().chars() {
        match u32::from(letter) {
            number if is_hidden(letter) && number > 0xffff => seen.push_str(&format!("\\U{number:08x}")),
            number if is_hidden(letter) => seen.push_str(&format!("\\u{number:04x}")),
            _ => seen.push(letter),
        }
    }
    seen
}

const HEAD: &str = "# Proposed by `countersign apps import`. A field or parameter that is not named here gets nowhere; what is marked `# ?`
# wants to be looked at by somebody who knows the app.
";
/// Words that YAML may take for something else.
const WORDS: [&str; 14] =
    ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "True", "False", "Null", "Yes", "No"];
const WIDTH: usize = 116;
