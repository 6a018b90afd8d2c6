//! What stands behind the method in a request line, read strictly: every text in it means one thing, to anybody.
//!
//! Two readers of one address disagree where it is encoded twice, has dots or parameters among its segments, repeats a name,
//! or holds characters that look like others. None of that is needed, so all of it is refused.

use std::collections::BTreeMap;

use model::{Blame, Fault};

/// A path and a query, decoded once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// The segments of the path.
    pub(crate) segments: Vec<String>,
    /// The query, by name.
    pub(crate) query: BTreeMap<String, String>,
}

impl Target {
    /// Reads what follows the app in a path (`/candidates/c_17`), and a query. Error: blame `Caller`.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Result<Self, Fault> {
        let mut target = Self::default();
        let rest = path.strip_prefix('/').unwrap_or(path);
        if !rest.is_empty() {
            for segment in rest.split('/') {
                target.segments.push(self::segment(segment)?);
                if target.segments.len() > SEGMENTS_MAX {
                    return Err(refused("the path has too many segments"));
                }
            }
        }
        let pairs = query.unwrap_or_default();
        if pairs.is_empty() {
            return Ok(target);
        }
        for pair in pairs.split('&') {
            let (name, value) = pair.split_once('=').ok_or_else(|| refused("a parameter has no value"))?;
            let (name, value) = (parameter(name)?, parameter(value)?);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(refused("a parameter has no name, or one of other than visible ASCII characters"));
            }
            if target.query.len() >= PARAMETERS_MAX {
                return Err(refused("there are too many parameters"));
            }
            if target.query.insert(name.clone(), value).is_some() {
                return Err(refused(format!("the parameter `{name}` occurs twice")));
            }
        }
        Ok(target)
    }
}

/// One segment, decoded.
fn segment(raw: &str) -> Result<String, Fault> {
    plain_segment(decoded(raw, false)?)
}

/// A text that stands as a segment of a path. Error: two readers could take it for two things.
pub(crate) fn plain_segment(text: String) -> Result<String, Fault> {
    let wrong = if text.is_empty() {
        Some("an empty segment")
    } else if text == "." || text == ".." {
        Some("a segment of dots")
    } else if text.ends_with('.') {
        Some("a segment that ends with a dot")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("a character that is not visible ASCII")
    } else if text.bytes().any(|byte| b"/\\%;?#".contains(&byte)) {
        Some("one of the characters / \\ % ; ? # inside a segment")
    } else if text.len() > SEGMENT_BYTES_MAX {
        Some("a segment that is too long")
    } else {
        None
    };
    match wrong {
        Some(wrong) => Err(refused(format!("the path has {wrong}"))),
        None => Ok(text),
    }
}

fn parameter(raw: &str) -> Result<String, Fault> {
    // Some readers end a parameter there.
    if raw.contains(';') {
        return Err(refused("a parameter holds a bare semicolon"));
    }
    plain_parameter(decoded(raw, true)?)
}

/// A text that stands as the value of a parameter.
pub(crate) fn plain_parameter(text: String) -> Result<String, Fault> {
    if text.chars().any(char::is_control) {
        return Err(refused("a parameter holds a control character"));
    }
    if text.len() > PARAMETER_BYTES_MAX {
        return Err(refused("a parameter is too long"));
    }
    Ok(text)
}

/// Percent-decoded once. Error: not encoded as it must be, or not UTF-8.
fn decoded(raw: &str, plus: bool) -> Result<String, Fault> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = (bytes.next().and_then(digit), bytes.next().and_then(digit));
                let (Some(high), Some(low)) = digits else {
                    return Err(refused("a `%` is not followed by two hexadecimal digits"));
                };
                out.push(high * 16 + low);
            }
            b'+' if plus => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|_| refused("a text is not UTF-8"))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A text as it stands in a path or a query: all but letters, digits and `-._~` is encoded.
pub(crate) fn encode(text: &str, out: &mut String) {
    encode_but(b"-._~", text, out);
}

/// A segment of a path as somebody wrote it down: what may stand in one stays as it is, for an app may tell `:` from its encoding
/// (RFC 3986, 2.2 and 3.3).
pub(crate) fn write_segment(text: &str, out: &mut String) {
    encode_but(b"-._~!$&'()*+,=:@", text, out);
}

fn encode_but(plain: &[u8], text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn refused(said: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Blame::Caller, "caller.target", said)
        .hint("write the address plainly: each name once, each text encoded once, nothing that is not asked for")
}

const SEGMENTS_MAX: usize = 32;
const SEGMENT_BYTES_MAX: usize = 512;
const PARAMETERS_MAX: usize = 64;
const PARAMETER_BYTES_MAX: usize = 4 * 1024;

#[cfg(test)]
mod tests;
