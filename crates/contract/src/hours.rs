//! `mon-fri 07:00-19:00`: hours of some days of the week.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use model::UnixMicros;
use serde::{Serialize, Serializer};

use crate::agreement::Hours;
use crate::when::zone;

impl Hours {
    /// Whether a moment lies within them, in this zone. What no calendar knows lies outside.
    pub fn holds(&self, at: UnixMicros, zone_name: &str) -> bool {
        let zone = zone(zone_name).unwrap_or(TimeZone::UTC);
        let Ok(moment) = jiff::Timestamp::from_microsecond(at.0) else { return false };
        let there = moment.to_zoned(zone);
        let (first, last) = self.days;
        let day = there.weekday().to_monday_one_offset();
        let on_day = if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last };
        let minute =
            u16::try_from(there.hour()).unwrap_or_default() * 60 + u16::try_from(there.minute()).unwrap_or_default();
        on_day && (self.minutes.0..self.minutes.1).contains(&minute)
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no hours: it takes them as in `mon-fri 07:00-19:00` or `07:00-19:00`");
        let (days, hours) = text.split_once(' ').map_or((None, text), |(days, hours)| (Some(days), hours));
        let days = match days.map(|days| days.split_once('-').unwrap_or((days, days))) {
            None => (1, 7),
            Some((first, last)) => (day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?),
        };
        let (from, until) = hours.split_once('-').ok_or_else(wrong)?;
        let minutes = (minute(from).ok_or_else(wrong)?, minute(until).ok_or_else(wrong)?);
        if minutes.0 >= minutes.1 {
            return Err(wrong());
        }
        Ok(Self { days, minutes })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            |day: i8| usize::try_from(day - 1).ok().and_then(|place| DAYS.get(place)).copied().unwrap_or_default();
        match self.days {
            (1, 7) => {}
            (first, last) if first == last => write!(f, "{} ", name(first))?,
            (first, last) => write!(f, "{}-{} ", name(first), name(last))?,
        }
        let (from, until) = self.minutes;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

fn day(text: &str) -> Option<i8> {
    let place = DAYS.iter().position(|day| *day == text)?;
    i8::try_from(place + 1).ok()
}

/// The minute of a day; `24:00` is its end.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= 24 * 60).then_some(of_day)
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[cfg(test)]
mod tests;
