//! SARIF 2.1.0: findings as code scanning shows them beside the lines.

use serde_json::{Value, json};

use super::{Finding, KINDS};

/// One run with these findings.
pub fn log(findings: &[Finding]) -> Value {
    let rules: Vec<Value> = KINDS
        .iter()
        .map(|kind| {
            json!({
                "id": kind.id(),
                "shortDescription": { "text": kind.about() },
                "defaultConfiguration": { "level": kind.level().as_str() },
            })
        })
        .collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "countersign", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let text = match &finding.hint {
        Some(hint) => format!("{}\nhint: {hint}", finding.said),
        None => finding.said.clone(),
    };
    let mut place = json!({ "artifactLocation": { "uri": reference(&finding.path) } });
    if let Some(place) = place.as_object_mut().filter(|_| finding.line > 0) {
        let mut region = json!({ "startLine": finding.line });
        if let Some(region) = region.as_object_mut().filter(|_| finding.column > 0) {
            region.insert("startColumn".to_owned(), finding.column.into());
        }
        place.insert("region".to_owned(), region);
    }
    json!({
        "ruleId": finding.kind.id(),
        "ruleIndex": KINDS.iter().position(|kind| *kind == finding.kind),
        "level": finding.kind.level().as_str(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place }],
    })
}

/// A path as a URI reference (RFC 3986): relative as it is, absolute with its scheme.
fn reference(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    let relative = path.strip_prefix("./").unwrap_or(path);
    // A colon before the first slash would read as a scheme.
    let before_slash = relative.find('/').unwrap_or(relative.len());
    for (at, byte) in relative.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => {
                out.push(char::from(byte));
            }
            b':' if at > before_slash => out.push(':'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
