//! Days, and the moments at which they begin where they are counted.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::UnixMicros;

use crate::agreement::Day;

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Without a time or a zone: jiff takes more than a day for one.
        let plain = text.len() == "2027-06-30".len();
        let day = plain.then(|| text.parse::<Date>().ok()).flatten();
        day.map(Day).ok_or_else(|| format!("`{text}` is no day: it takes a date as in `2027-06-30`"))
    }
}

impl Day {
    /// Its first moment. None: it is past what a clock can say.
    pub(crate) fn begins(self, zone: &TimeZone) -> Option<UnixMicros> {
        Some(UnixMicros(self.0.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond()))
    }

    /// The first moment after it.
    pub(crate) fn ends(self, zone: &TimeZone) -> Option<UnixMicros> {
        Self(self.0.tomorrow().ok()?).begins(zone)
    }

    /// The day of a moment.
    pub fn of(at: UnixMicros, zone: &TimeZone) -> Option<Self> {
        let moment = jiff::Timestamp::from_microsecond(at.0).ok()?;
        Some(Self(moment.to_zoned(zone.clone()).date()))
    }

    /// How many days lie between; negative where the other one is earlier.
    pub fn days_until(self, other: Self) -> i64 {
        let hours = self.0.duration_until(other.0).as_hours();
        hours.div_euclid(24)
    }
}

/// The zone of this name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let found = jiff::tz::TimeZoneDatabase::bundled().get(name).ok();
    found.ok_or_else(|| format!("`{name}` is no time zone: it takes a name as in `Europe/Berlin`, or `UTC`"))
}
