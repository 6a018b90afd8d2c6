//! How durations and moments are written.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::UnixMicros;

/// `90s`, `15m`, `8h`, `7d`, `2w`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: it takes a number and s, m, h, d or w, for example `15m`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A moment: a duration before `now`, a date (its first microsecond in UTC), or a date and time of RFC 3339.
pub fn moment(text: &str, now: UnixMicros) -> Result<UnixMicros, String> {
    if let Ok(before) = duration(text) {
        let micros = i64::try_from(before.as_micros()).unwrap_or(i64::MAX);
        return Ok(UnixMicros(now.0.saturating_sub(micros)));
    }
    if let Some(day) = day(text) {
        return Ok(day);
    }
    let wrong = |_| format!("`{text}` is not a moment: it takes `2h`, `7d`, `2026-11-21` or `2026-11-21T10:00:00Z`");
    text.parse::<jiff::Timestamp>().map(|at| UnixMicros(at.as_microsecond())).map_err(wrong)
}

/// The last moment of what is meant: of a date the end of the day.
pub fn last_moment(text: &str, now: UnixMicros) -> Result<UnixMicros, String> {
    match day(text) {
        Some(first) => Ok(UnixMicros(first.0.saturating_add(DAY_MICROS - 1))),
        None => moment(text, now),
    }
}

fn day(text: &str) -> Option<UnixMicros> {
    let whole = text.len() == "2026-11-21".len() && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    let date: Date = whole.then(|| text.parse().ok()).flatten()?;
    let start = date.to_zoned(TimeZone::UTC).ok()?;
    Some(UnixMicros(start.timestamp().as_microsecond()))
}

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

#[cfg(test)]
mod tests;
