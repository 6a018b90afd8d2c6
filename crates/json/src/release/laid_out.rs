//! Names in which a path is laid out, as flat exports write them: `pay.base`, `jobs[0][pay]`, `jobs/0/pay`, ` pay`. They are read for
//! what is excluded alone, and never for what is let out.

/// The ways in which a name may be a path: without what surrounds it, part by part, and part by part without places in lists. None: it
/// is a plain name, and its own path.
pub(super) fn ways(name: &str) -> Option<[Vec<&str>; 3]> {
    let whole = bare(name);
    if whole.len() == name.len() && !name.contains(LAID_OUT) {
        return None;
    }
    let parts: Vec<&str> = name.split(LAID_OUT).map(bare).filter(|part| !part.is_empty()).collect();
    let of_items = parts.iter().copied().filter(|part| !is_place(part)).collect();
    Some([vec![whole], parts, of_items])
}

fn bare(part: &str) -> &str {
    part.trim_matches(|letter: char| letter.is_whitespace() || letter == '\'' || letter == '"')
}

/// Whether a part of a name says only which item of a list it is, as `0` and `*` do.
fn is_place(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*')
}

/// What parts a name in which a list or an object is laid out.
const LAID_OUT: [char; 4] = ['.', '[', ']', '/'];
