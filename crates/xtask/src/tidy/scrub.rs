//! Rust source with comments and the inside of literals blanked, line for line, so that a search finds code only.

/// Same number of lines, same columns (in characters).
pub(super) fn scrub(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&here) = source.get(at) {
        let next = source.get(at + 1).copied();
        let end = match (here, next) {
            ('/', Some('/')) => find(&source, at, |rest| rest.first() == Some(&'\n')),
            ('/', Some('*')) => block_comment(&source, at),
            ('"', _) => string(&source, at),
            ('r', Some('"' | '#')) if !continues_a_word(&source, at) => raw_string(&source, at),
            ('\'', _) => character(&source, at),
            _ => at,
        };
        if end > at {
            let quote = if here == '/' { ' ' } else { '"' };
            out.push(quote);
            blank(source.get(at + 1..end).unwrap_or_default(), &mut out);
            at = end;
        } else {
            out.push(here);
            at += 1;
        }
    }
    out
}

fn blank(hidden: &[char], out: &mut String) {
    for character in hidden {
        out.push(if *character == '\n' { '\n' } else { ' ' });
    }
}

fn continues_a_word(source: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| source.get(index));
    // The `r` of `br"…"` starts a literal all the same.
    before.is_some_and(|&character| (character.is_alphanumeric() && character != 'b') || character == '_')
}

fn find(source: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    let mut at = from;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        if stop(rest) {
            return at;
        }
        at += 1;
    }
    at
}

fn block_comment(source: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < source.len() {
        match source.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(source: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&character) = source.get(at) {
        match character {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    source.len()
}

/// Past the end of `r"…"` or `r#"…"#`; `from` itself where it is a raw identifier.
fn raw_string(source: &[char], from: usize) -> usize {
    let opened = find(source, from + 1, |rest| rest.first() != Some(&'#'));
    if source.get(opened) != Some(&'"') {
        return from;
    }
    let hashes = opened - from - 1;
    let closes = |rest: &[char]| {
        rest.first() == Some(&'"') && rest.iter().skip(1).take_while(|&&character| character == '#').count() >= hashes
    };
    (find(source, opened + 1, closes) + 1 + hashes).min(source.len())
}

/// Past the end of `'x'` or `'\n'`; `from` itself where it is a lifetime.
fn character(source: &[char], from: usize) -> usize {
    match source.get(from + 1..) {
        Some(['\\', _, rest @ ..]) => from + 3 + find(rest, 0, |rest| rest.first() == Some(&'\'')) + 1,
        Some([_, '\'', ..]) => from + 3,
        _ => from,
    }
}
