//! How durations and moments are written on the command line.

use std::time::Duration;

use model::UnixMicros;

/// `90s`, `15m`, `8h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: it takes a number and s, m, h or d, for example `15m`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A moment: a duration before `now`, or a date and time of RFC 3339.
pub fn moment(text: &str, now: UnixMicros) -> Result<UnixMicros, String> {
    if let Ok(before) = duration(text) {
        let micros = i64::try_from(before.as_micros()).unwrap_or(i64::MAX);
        return Ok(UnixMicros(now.0.saturating_sub(micros)));
    }
    let wrong = |_| format!("`{text}` is not a moment: it takes `2h`, `7d` or `2026-11-21T10:00:00Z`");
    text.parse::<jiff::Timestamp>().map(|at| UnixMicros(at.as_microsecond())).map_err(wrong)
}

/// `1 tool`, `2 tools`. For words whose plural takes an `s`.
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `1 person, 2 agents, 0 apps`.
pub fn who(people: usize, agents: usize, apps: usize) -> String {
    let people = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
    format!("{people}, {}, {}", counted(agents, "agent"), counted(apps, "app"))
}

#[cfg(test)]
mod tests;
