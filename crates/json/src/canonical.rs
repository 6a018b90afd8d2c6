//! RFC 8785 (JCS): one way to write each document, so that digests of equal documents are equal.
//!
//! `{"b":1.0,"a":"\u0061"}` becomes `{"a":"a","b":1}`.

use crate::document::{Document, Kind, Value};
use crate::error::{JsonError, Problem};
use crate::text::plain_run;

/// The canonical form of a document. Error: it does not parse, or a number fits no double.
pub fn canonical(bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
    let document = Document::parse(bytes)?;
    let mut out = Vec::with_capacity(bytes.len());
    write_value(&mut out, document.root()).map_err(|offset| JsonError::at(bytes, offset, Problem::NumberTooLarge))?;
    Ok(out)
}

/// Writes a JSON string exactly as RFC 8785 wants it, quotes included.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, tail) = rest.split_at(plain_run(rest, 0).min(rest.len()));
        out.extend_from_slice(plain);
        let Some((special, tail)) = tail.split_first() else { break };
        write_escape(out, *special);
        rest = tail;
    }
    out.push(b'"');
}

/// Recursion is bounded by the depth a document may have. Error: the offset of a number that fits no double.
fn write_value(out: &mut Vec<u8>, value: Value<'_, '_>) -> Result<(), usize> {
    match value.kind() {
        Kind::Null | Kind::Bool => out.extend_from_slice(value.raw()),
        Kind::Number => {
            let number = value.raw_text().parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or(value.span().start)?;
            // The standard library breaks ties between shortest digits the other way than ECMAScript.
            out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
        }
        Kind::String => write_string(out, &value.as_str().unwrap_or_default()),
        Kind::Array => {
            out.push(b'[');
            for (place, item) in value.items().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<_> = value.entries().collect();
            members.sort_by(|(a, _), (b, _)| in_utf16_order(a, b));
            out.push(b'{');
            for (place, (key, member)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(out, &key);
                out.push(b':');
                write_value(out, member)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn in_utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0A => b'n',
        0x0C => b'f',
        0x0D => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            for half in [byte >> 4, byte & 15] {
                out.extend(HEX.get(usize::from(half)));
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests;
