//! Records in words: names, times, endings. Nothing in a record can move the cursor or turn the text around.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Fault, UnixMicros, spelled_out};
use serde_json::Value;
use trace::{Entry, IntentView, LogReader, OutcomeView, Retention};

/// For how long texts were kept, where that is not for good.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::commands) struct KeptFrom(Option<Retention>);

impl KeptFrom {
    /// As this trace says.
    pub(in crate::commands) fn of(reader: &dyn LogReader) -> Result<Self, Fault> {
        Retention::of(reader).map(Self).map_err(Fault::from)
    }

    /// What is shown of this record, with the right word where its text is gone.
    pub(in crate::commands) fn in_words(self, entry: &Entry, shown: String) -> String {
        match self.0.is_some_and(|retention| retention.has_let_go(entry)) {
            true => shown.replace(ERASED, LET_GO),
            false => shown,
        }
    }

    /// Where texts begin, if one of these records has none any more.
    pub(in crate::commands) fn told_of(self, entries: &[Entry]) -> Option<String> {
        let retention = self.0.filter(|retention| entries.iter().any(|entry| retention.has_let_go(entry)))?;
        let (to, before) = (retention.done_to, trace::rfc3339(retention.before));
        Some(format!("the texts of calls before #{to} were let go: they were from before {before}"))
    }
}

/// The names people read, from the facts of a call; ids where those are gone.
pub(in crate::commands) struct Names {
    pub agent: String,
    pub human: String,
    pub app: String,
}

impl Names {
    /// Of this call, whose facts are `facts`.
    pub(in crate::commands) fn of(intent: &IntentView, facts: &Value) -> Self {
        let name = |of: &str| facts.get(of).and_then(|of| of.get("name")).and_then(Value::as_str).map(plain);
        Self {
            agent: name("agent").unwrap_or_else(|| plain(&intent.agent)),
            human: name("human").or_else(|| intent.human.as_deref().map(plain)).unwrap_or_else(|| ERASED.to_owned()),
            app: name("app").unwrap_or_else(|| plain(&intent.app)),
        }
    }
}

/// The facts of a call; null once they are erased.
pub(in crate::commands) fn facts_of(intent: &IntentView) -> Value {
    intent.facts.as_ref().and_then(|facts| serde_json::from_str(facts.get()).ok()).unwrap_or(Value::Null)
}

/// Text with what a terminal obeys and what nobody sees spelled out.
pub(in crate::commands) fn plain(text: &str) -> String {
    spelled_out(text).into_owned()
}

/// A moment as the clock on the wall shows it; the bare number where a calendar ends.
pub(in crate::commands) fn local(at: UnixMicros, zone: &TimeZone, format: &str) -> String {
    match Timestamp::from_microsecond(at.0) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => at.0.to_string(),
    }
}

/// How long something took.
pub(in crate::commands) fn took(micros: i64) -> String {
    match micros {
        ..1_000 => "<1 ms".to_owned(),
        _ => format!("{} ms", micros / 1_000),
    }
}

/// A stretch of time, in the largest unit that leaves a whole number.
pub(in crate::commands) fn stretch(micros: i64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{} s", micros / 1_000_000),
        60_000_000..3_600_000_000 => format!("{} min", micros / 60_000_000),
        3_600_000_000..172_800_000_000 => format!("{} h", micros / 3_600_000_000),
        _ => format!("{} days", micros / 86_400_000_000),
    }
}

/// How a call ended, where that is not plain success.
pub(in crate::commands) fn trouble(outcome: &OutcomeView) -> Option<String> {
    let word = outcome.trouble()?;
    Some(match &outcome.code {
        Some(code) => format!("{word} ({})", plain(code)),
        None => word.to_owned(),
    })
}

/// What stands where a person's data were erased.
pub(in crate::commands) const ERASED: &str = "(erased)";
/// What stands there where they are kept no longer.
const LET_GO: &str = "(let go)";
