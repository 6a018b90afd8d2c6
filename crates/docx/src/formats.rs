//! Numbers as Word writes them (`w:numFmt`, ECMA-376-1, 17.18.59).

/// How the counter of a level is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `1`
    Decimal,
    /// `01`
    DecimalZero,
    /// `a`, …, `z`, `aa`
    LowerLetter,
    /// `A`
    UpperLetter,
    /// `i`
    LowerRoman,
    /// `I`
    UpperRoman,
    /// `1st`
    Ordinal,
    /// `One`
    Word,
    /// `First`
    OrdinalWord,
    /// A sign that counts nothing.
    Bullet,
    /// Nothing.
    None,
}

// === impl Format ===

impl Format {
    /// None: a format that is not known here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "decimal" => Self::Decimal,
            "decimalZero" => Self::DecimalZero,
            "lowerLetter" => Self::LowerLetter,
            "upperLetter" => Self::UpperLetter,
            "lowerRoman" => Self::LowerRoman,
            "upperRoman" => Self::UpperRoman,
            "ordinal" => Self::Ordinal,
            "cardinalText" => Self::Word,
            "ordinalText" => Self::OrdinalWord,
            "bullet" => Self::Bullet,
            "none" => Self::None,
            _ => return None,
        })
    }

    pub(crate) fn write(self, value: u32) -> String {
        match self {
            Self::Decimal => value.to_string(),
            Self::DecimalZero => format!("{value:02}"),
            Self::LowerLetter => letters(value),
            Self::UpperLetter => letters(value).to_ascii_uppercase(),
            Self::LowerRoman => roman(value),
            Self::UpperRoman => roman(value).to_ascii_uppercase(),
            Self::Ordinal => format!("{value}{}", ordinal_ending(value)),
            Self::Word => in_words(value, CARDINALS),
            Self::OrdinalWord => in_words(value, ORDINALS),
            Self::Bullet | Self::None => String::new(),
        }
    }
}

/// The alphabet, then each letter twice, then three times: `a`, …, `z`, `aa`, `bb`.
fn letters(value: u32) -> String {
    let Some(from_zero) = value.checked_sub(1) else { return String::new() };
    let letter = u8::try_from(from_zero % 26).map_or('a', |place| char::from(b'a' + place));
    let times = (from_zero / 26 + 1).min(LETTERS_MAX);
    std::iter::repeat_n(letter, usize::try_from(times).unwrap_or(1)).collect()
}

fn roman(value: u32) -> String {
    if value > ROMAN_MAX {
        return value.to_string();
    }
    let (mut left, mut out) = (value, String::new());
    for (worth, sign) in ROMAN {
        while left >= *worth {
            out.push_str(sign);
            left -= worth;
        }
    }
    out
}

fn ordinal_ending(value: u32) -> &'static str {
    match (value % 10, value % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

fn in_words(value: u32, words: &[&str]) -> String {
    let word = usize::try_from(value).ok().and_then(|place| words.get(place.checked_sub(1)?));
    word.map_or_else(|| value.to_string(), |word| (*word).to_owned())
}

const ROMAN: &[(u32, &str)] = &[
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];
/// Larger ones nobody writes so.
const ROMAN_MAX: u32 = 3_999;
const LETTERS_MAX: u32 = 30;
/// As many as clauses have; what comes after is written in digits.
const CARDINALS: &[&str] = &[
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
    "Twenty",
];
const ORDINALS: &[&str] = &[
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
    "Twentieth",
];

#[cfg(test)]
mod tests;
