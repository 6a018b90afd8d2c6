//! What a reader of a text does not see.

use std::borrow::Cow;

/// Whether a character is not seen where it stands, or moves others: controls, joiners, marks of direction, fillers, variation
/// selectors, tags, private use. What shows people a text spells these out, so that they decide on what is really there.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
}

/// A text from elsewhere as it stands within a line of ours: what is hidden in it is spelled out, line ends as well.
pub fn spelled_out(text: &str) -> Cow<'_, str> {
    spelled(text, is_hidden)
}

/// A text that we made of lines: they stay lines, and all else that is hidden is spelled out.
pub fn lines_spelled_out(text: &str) -> Cow<'_, str> {
    spelled(text, |letter| letter != '\n' && is_hidden(letter))
}

fn spelled(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match hidden(letter) {
            true => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            false => out.push(letter),
        }
    }
    Cow::Owned(out)
}
