//! `600/hour`, `100MB/day`: how much of something in any stretch of time.

use crate::agreement::Rate;

impl Rate {
    /// A number and a stretch of time.
    pub(crate) fn counted(text: &str) -> Result<Self, String> {
        Self::parse(text, &[("", 1)]).ok_or_else(|| format!("`{text}` is no such limit: it takes one as in `600/hour`"))
    }

    /// An amount of bytes and a stretch of time.
    pub(crate) fn of_bytes(text: &str) -> Result<Self, String> {
        Self::parse(text, SIZES).ok_or_else(|| format!("`{text}` is no such limit: it takes one as in `100MB/day`"))
    }

    fn parse(text: &str, sizes: &[(&str, u64)]) -> Option<Self> {
        let (most, stretch) = text.split_once('/')?;
        let (_, seconds) = STRETCHES.iter().find(|(name, _)| *name == stretch.trim())?;
        let digits = most.trim().trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let (_, size) = sizes.iter().find(|(name, _)| most.trim().strip_prefix(digits) == Some(*name))?;
        let most = digits.trim().parse::<u64>().ok()?.checked_mul(*size)?;
        (1..=MOST).contains(&most).then_some(Self { most, seconds: *seconds })
    }

    /// Whether it lets no more happen than the other one, whatever comes when.
    pub fn within(self, other: Self) -> bool {
        self.most <= other.most && self.seconds >= other.seconds
    }

    /// `an hour`.
    pub fn stretch(self) -> &'static str {
        match self.seconds {
            1 => "a second",
            60 => "a minute",
            3_600 => "an hour",
            _ => "a day",
        }
    }
}

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// No longer than calls are remembered.
const STRETCHES: &[(&str, u64)] = &[("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400)];
/// What every reader of JSON keeps exactly.
const MOST: u64 = 1 << 53;
