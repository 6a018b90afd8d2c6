//! Stretches of whole days, counted where a contract counts its own.

use model::UnixMicros;
use serde::Serialize;

use crate::agreement::Day;
use crate::when::zone;

/// A stretch of days, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub until: Day,
    /// Where the days are counted: `UTC`, `Europe/Berlin`.
    pub zone: String,
    /// Its first moment.
    #[serde(skip)]
    pub begins: UnixMicros,
    /// The first moment after it.
    #[serde(skip)]
    pub ends: UnixMicros,
}

impl Period {
    /// Reads `2026` (a year), `2026-10` (a month), `2026-10-07` (a day) or `2026-10-01..2026-10-14`. Error: a sentence.
    pub fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let wrong = |_| {
            format!("`{text}` is no period: it takes a month as in `2026-10`, or days as in `2026-10-01..2026-10-14`")
        };
        let (from, until) = text.split_once("..").unwrap_or((text, text));
        let (from, until) = (first_day(from).map_err(wrong)?, last_day(until).map_err(wrong)?);
        Self::of_days(from, until, zone)
    }

    /// From one day until another. Error: a sentence.
    pub fn of_days(from: Day, until: Day, zone_name: &str) -> Result<Self, String> {
        if until < from {
            return Err(format!("{until} is before {from}"));
        }
        let zone = zone(zone_name)?;
        let far = || format!("{until} is past what a clock can say");
        let (begins, ends) = (from.begins(&zone).ok_or_else(far)?, until.ends(&zone).ok_or_else(far)?);
        Ok(Self { from, until, zone: zone_name.to_owned(), begins, ends })
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == self.until {
            return write!(f, "{}", self.from);
        }
        write!(f, "{} until {}", self.from, self.until)
    }
}

fn first_day(text: &str) -> Result<Day, String> {
    match text.len() {
        4 => format!("{text}-01-01").parse(),
        7 => format!("{text}-01").parse(),
        _ => text.parse(),
    }
}

fn last_day(text: &str) -> Result<Day, String> {
    match text.len() {
        4 => format!("{text}-12-31").parse(),
        7 => format!("{text}-01").parse::<Day>().map(|first| Day(first.0.last_of_month())),
        _ => text.parse(),
    }
}

#[cfg(test)]
mod tests;
