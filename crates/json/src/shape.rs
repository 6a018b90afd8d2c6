//! What a document looks like without what it says.

use crate::document::{Document, Kind, Value};
use crate::write_string;

/// The document with its keys, each value replaced by its type and length, but where `keeps` says of a dotted name that the
/// value may be shown. Lists have no names of their own. None: it cannot be read.
///
/// `{"to": "ana@example.com", "repo": "site", "n": 3}` is `{"to":"(text, 15)","repo":"site","n":"(number)"}`, where `repo`
/// is kept.
pub fn shape(bytes: &[u8], keeps: impl Fn(&str) -> bool) -> Option<String> {
    let document = Document::parse(bytes).ok()?;
    let mut out = Vec::with_capacity(bytes.len().min(SHORT_BYTES_MAX * 4));
    write(&mut out, document.root(), &mut String::new(), &keeps);
    String::from_utf8(out).ok()
}

fn write(out: &mut Vec<u8>, value: Value<'_, '_>, name: &mut String, keeps: &dyn Fn(&str) -> bool) {
    match value.kind() {
        Kind::Object => {
            out.push(b'{');
            for (place, (key, member)) in value.entries().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(out, &key);
                out.push(b':');
                let before = name.len();
                if before > 0 {
                    name.push('.');
                }
                name.push_str(&key);
                write(out, member, name, keeps);
                name.truncate(before);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for (place, item) in value.items().take(ITEMS_MAX).enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(out, item, name, keeps);
            }
            if value.len() > ITEMS_MAX {
                out.push(b',');
                write_string(out, &format!("({} more)", value.len() - ITEMS_MAX));
            }
            out.push(b']');
        }
        Kind::Null => out.extend_from_slice(b"null"),
        _ if value.raw().len() <= SHORT_BYTES_MAX && keeps(name) => out.extend_from_slice(value.raw()),
        Kind::Bool => write_string(out, "(true or false)"),
        Kind::Number => write_string(out, "(number)"),
        Kind::String => {
            let length = value.as_str().map_or(0, |text| text.chars().count());
            write_string(out, &format!("(text, {length})"));
        }
    }
}

/// What names a resource is no longer.
const SHORT_BYTES_MAX: usize = 256;
const ITEMS_MAX: usize = 16;

#[cfg(test)]
mod tests;
