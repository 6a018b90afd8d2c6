//! Records in words and signs, as people read them on a page.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{ClassSource, UnixMicros, Verdict};
use serde_json::Value;
use trace::{Effect, IntentView, OutcomeView, rfc3339};

use crate::html::{Html, html};

/// The names people read, from the facts of a call; ids where those are gone.
pub(crate) struct Names {
    pub(crate) agent: String,
    pub(crate) human: String,
    pub(crate) app: String,
}

impl Names {
    pub(crate) fn of(intent: &IntentView, facts: &Value) -> Self {
        let name = |of: &str| facts.get(of)?.get("name")?.as_str().map(str::to_owned);
        Self {
            agent: name("agent").unwrap_or_else(|| intent.agent.clone()),
            human: name("human").or_else(|| intent.human.clone()).unwrap_or_else(|| ERASED.to_owned()),
            app: name("app").unwrap_or_else(|| intent.app.clone()),
        }
    }
}

/// The facts of a call; null once they are erased.
pub(crate) fn facts_of(intent: &IntentView) -> Value {
    intent.facts.as_ref().and_then(|facts| serde_json::from_str(facts.get()).ok()).unwrap_or(Value::Null)
}

/// The sign and the word of a verdict.
pub(crate) fn badge(verdict: Verdict) -> Html {
    html!("<span class=\"badge {}\">{}{}</span>", verdict.as_str(), sign(verdict), verdict.as_str())
}

/// The sign of a verdict: drawn, for not every font has one.
pub(crate) fn sign(verdict: Verdict) -> Html {
    match verdict {
        Verdict::Allow => html!(
            "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M3 8.5l3.2 3.2L13 4.8\"/></svg>"
        ),
        Verdict::Redact => html!(
            "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M2.5 4.5h11M2.5 11.5h5\"/><path class=\"fat\" d=\"M4 8h8.5\"/></svg>"
        ),
        Verdict::Hold => html!(
            "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path class=\"fat\" d=\"M5.5 4v8M10.5 4v8\"/></svg>"
        ),
        Verdict::Defer => html!(
            "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path class=\"fat\" d=\"M3.5 8h.01M8 8h.01M12.5 8h.01\"/></svg>"
        ),
        Verdict::Deny => html!(
            "<svg class=\"sign\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M4 4l8 8M12 4l-8 8\"/></svg>"
        ),
    }
}

/// What happened to the call and whether anything was executed.
pub(crate) fn headline(verdict: Verdict, outcome: Option<&OutcomeView>) -> &'static str {
    match (verdict, outcome.map(|outcome| outcome.effect)) {
        (_, Some(Effect::Executed)) if !verdict.runs() => "What happened is not what the verdict permits",
        (Verdict::Deny, _) => "Refused, nothing was executed",
        (Verdict::Hold, _) => "Held for approval, nothing was executed",
        (Verdict::Defer, _) => "Not decided, nothing was executed",
        (_, Some(Effect::Executed)) => "Executed",
        (_, Some(Effect::NotExecuted)) => "Allowed, but nothing was executed",
        (_, Some(Effect::Unknown)) => "Allowed; whether it was executed is unknown",
        (_, None) => "Allowed; under way",
    }
}

/// How a call ended, where that is not plain success.
pub(crate) fn trouble(outcome: &OutcomeView) -> Option<String> {
    let word = outcome.trouble()?;
    Some(match &outcome.code {
        Some(code) => format!("{word} ({code})"),
        None => word.to_owned(),
    })
}

/// A moment: the time of day where it is today, with the day where it is not; whole on demand.
pub(crate) fn moment(at: UnixMicros, now: UnixMicros, zone: &TimeZone) -> Html {
    let day = |at| local(at, zone, "%Y-%m-%d");
    let format = if day(at) == day(now) { "%H:%M:%S" } else { "%-d %b %H:%M" };
    let whole = local(at, zone, "%Y-%m-%d %H:%M:%S %Z");
    html!("<time datetime=\"{}\" title=\"{}\">{}</time>", rfc3339(at), whole, local(at, zone, format))
}

/// A moment, whole.
pub(crate) fn whole_moment(at: UnixMicros, zone: &TimeZone) -> Html {
    html!("<time datetime=\"{}\">{}</time>", rfc3339(at), local(at, zone, "%-d %b %Y, %H:%M:%S %Z"))
}

pub(crate) fn local(at: UnixMicros, zone: &TimeZone, format: &str) -> String {
    match Timestamp::from_microsecond(at.0) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => at.0.to_string(),
    }
}

/// How long something took.
pub(crate) fn took(micros: i64) -> String {
    match micros {
        ..1_000 => "<1 ms".to_owned(),
        1_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => stretch(micros),
    }
}

/// A stretch of time, in the largest unit that leaves a whole number.
pub(crate) fn stretch(micros: i64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{} s", micros / 1_000_000),
        60_000_000..3_600_000_000 => format!("{} min", micros / 60_000_000),
        3_600_000_000..172_800_000_000 => format!("{} h", micros / 3_600_000_000),
        _ => format!("{} days", micros / 86_400_000_000),
    }
}

/// Who says what class the tool is of.
pub(crate) fn class_source(source: ClassSource) -> &'static str {
    match source {
        ClassSource::Profile => "says the app's profile",
        ClassSource::Pin => "said a person who reviewed it",
        ClassSource::Method => "says the protocol",
        ClassSource::Unreviewed => "nobody has reviewed it",
    }
}

/// Who may lift a hold: `owner-of-app` and `manager-of` are told with who that is.
pub(crate) fn approver(facts: &Value, written: &str) -> String {
    match written {
        "owner-of-app" => {
            let owners = facts.pointer("/app/owners").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let owners: Vec<&str> = owners.iter().filter_map(Value::as_str).collect();
            let owners = if owners.is_empty() { "it has none".to_owned() } else { owners.join(", ") };
            format!("an owner of the app ({owners})")
        }
        "manager-of" | "manager-of-human" => match facts.pointer("/human/manager").and_then(Value::as_str) {
            Some(manager) => format!("the person's manager ({manager})"),
            None => "the person's manager (nobody is named)".to_owned(),
        },
        other => match other.strip_prefix("role:") {
            Some(role) => format!("anybody with the role {role}"),
            None => other.to_owned(),
        },
    }
}

/// What somebody signed in with, as a sentence goes on: with …
pub(crate) fn with_what(how: &str) -> String {
    match how {
        "oidc" => "the identity provider".to_owned(),
        other => format!("a {other}"),
    }
}

/// What stands where a person's data were erased.
pub(crate) const ERASED: &str = "(erased)";
