//! Hours and days as people in one place live them, and stretches of time with a beginning and an end.
//!
//! The time zones are compiled in, so that the same facts give the same verdict on every machine.

use std::fmt;
use std::sync::LazyLock;

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use model::UnixMicros;

/// Times, in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    /// Empty: every day.
    days: Vec<Weekday>,
    hours: Option<Hours>,
    zone: Option<(String, TimeZone)>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Minutes of a day: from the first, up to and without the second. Past midnight where the second is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    from: u16,
    until: u16,
}

/// Why words are no window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowError {
    pub(crate) said: String,
    pub(crate) hint: String,
}

/// A window as it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written<'a> {
    pub(crate) days: Vec<&'a str>,
    pub(crate) hours: Option<&'a str>,
    pub(crate) zone: Option<&'a str>,
    pub(crate) from: Option<&'a str>,
    pub(crate) until: Option<&'a str>,
}

impl Window {
    /// Error: words that mean nothing, or no time at all.
    pub(crate) fn parse(written: &Written<'_>) -> Result<Self, WindowError> {
        let mut days = Vec::new();
        for word in &written.days {
            days.extend(parse_days(word)?);
        }
        days.sort_by_key(|day: &Weekday| day.to_monday_zero_offset());
        days.dedup();
        let zone = written.zone.map(|name| Ok((name.to_owned(), parse_zone(name)?))).transpose()?;
        let hours = written.hours.map(Hours::parse).transpose()?;
        let [from, until] = [written.from, written.until].map(|time| time.map(parse_time).transpose());
        let (from, until) = (from?, until?);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(WindowError {
                said: "this window ends before it begins".to_owned(),
                hint: "`from` is the first moment, `until` the first one after it".to_owned(),
            });
        }
        Ok(Self { days, hours, zone, from, until })
    }

    /// Whether a moment lies in it. A day that began before midnight goes on until its hours end.
    pub(crate) fn holds(&self, now: UnixMicros) -> bool {
        let Ok(now) = Timestamp::from_microsecond(now.0) else { return false };
        if self.from.is_some_and(|from| now < from) || self.until.is_some_and(|until| now >= until) {
            return false;
        }
        if self.days.is_empty() && self.hours.is_none() {
            return true;
        }
        let zone = self.zone.as_ref().map_or(TimeZone::UTC, |(_, zone)| zone.clone());
        let there = Zoned::new(now, zone);
        let minute = u16::try_from(i32::from(there.hour()) * 60 + i32::from(there.minute())).unwrap_or_default();
        let on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        match self.hours {
            None => on(there.weekday()),
            Some(Hours { from, until }) if from < until => (from..until).contains(&minute) && on(there.weekday()),
            Some(Hours { from, until }) => {
                (minute >= from && on(there.weekday())) || (minute < until && on(there.weekday().previous()))
            }
        }
    }
}

impl Hours {
    fn parse(written: &str) -> Result<Self, WindowError> {
        let wrong = || WindowError {
            said: format!("`{written}` is no stretch of a day"),
            hint: "write it as `\"09:00-17:00\"`; `\"22:00-06:00\"` goes past midnight".to_owned(),
        };
        let (from, until) = written.split_once('-').ok_or_else(wrong)?;
        let minutes = |text: &str| -> Option<u16> {
            let (hour, minute) = text.trim().split_once(':')?;
            if hour.len() > 2 || minute.len() != 2 {
                return None;
            }
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
        };
        let (from, until) = (minutes(from).ok_or_else(wrong)?, minutes(until).ok_or_else(wrong)?);
        if from == until || from == 24 * 60 {
            return Err(wrong());
        }
        Ok(Self { from, until })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if !self.days.is_empty() {
            words.push(days_in_words(&self.days));
        }
        words.extend(self.hours.map(|hours| hours.to_string()));
        if !words.is_empty() {
            words.push(self.zone.as_ref().map_or_else(|| "UTC".to_owned(), |(name, _)| name.clone()));
            words.insert(0, "in".to_owned());
        }
        words.extend(self.from.map(|from| format!("from {from}")));
        words.extend(self.until.map(|until| format!("until {until}")));
        f.write_str(&words.join(" "))
    }
}

fn days_in_words(days: &[Weekday]) -> String {
    let names: Vec<&str> = days.iter().map(|day| name(*day)).collect();
    let offsets: Vec<i8> = days.iter().map(|day| day.to_monday_zero_offset()).collect();
    let consecutive = offsets.windows(2).all(|pair| matches!(pair, [one, next] if next - one == 1));
    match (names.first(), names.last()) {
        (Some(first), Some(last)) if consecutive && names.len() > 2 => format!("{first}-{last}"),
        _ => names.join(","),
    }
}

fn parse_days(written: &str) -> Result<Vec<Weekday>, WindowError> {
    let mut days = Vec::new();
    for part in written.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_day(first)?, parse_day(last)?);
        let mut day = first;
        days.push(day);
        while day != last {
            day = day.next();
            days.push(day);
        }
    }
    Ok(days)
}

fn parse_day(written: &str) -> Result<Weekday, WindowError> {
    let word = written.trim().to_lowercase();
    WEEK.into_iter().find(|day| name(*day) == word).ok_or_else(|| WindowError {
        said: format!("`{}` is no day", written.trim()),
        hint: "days are `mon`, `tue`, `wed`, `thu`, `fri`, `sat` and `sun`, in a list or as `mon-fri`".to_owned(),
    })
}

fn parse_zone(written: &str) -> Result<TimeZone, WindowError> {
    ZONES.get(written).map_err(|_| {
        let zones: Vec<String> = ZONES.available().map(|zone| zone.to_string()).collect();
        let hint = spelling::did_you_mean(written, zones.iter().map(String::as_str))
            .unwrap_or_else(|| "zones are named as in `Europe/Berlin`".to_owned());
        WindowError { said: format!("there is no time zone `{written}`"), hint }
    })
}

fn parse_time(written: &str) -> Result<Timestamp, WindowError> {
    written.parse().map_err(|_| WindowError {
        said: format!("`{written}` is no moment"),
        hint: "write date, time and offset, as in `2026-12-20T00:00:00Z` or `2026-12-20T00:00:00+01:00`".to_owned(),
    })
}

fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

#[cfg(test)]
mod tests;
