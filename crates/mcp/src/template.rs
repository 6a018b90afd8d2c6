//! Templates of addresses (RFC 6570), as far as it takes to say whether an address could come from one.

/// Whether the address could be an expansion of the template: its literal parts stand in the address in their order. What
/// an expression may become is not looked at, so this errs to yes; neither case nor percent-encoding makes a difference.
pub fn covers(template: &str, address: &str) -> bool {
    let (template, address) = (folded(template), folded(address));
    let mut literals = Vec::new();
    let mut rest = template.as_str();
    while let Some((literal, after)) = rest.split_once('{') {
        literals.push(literal);
        let Some((_, after)) = after.split_once('}') else { return false };
        rest = after;
    }
    let Some((first, between)) = literals.split_first() else { return template == address };
    let Some(mut left) = address.strip_prefix(first) else { return false };
    for literal in between {
        match left.find(literal) {
            Some(at) => left = left.get(at + literal.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(rest)
}

fn folded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let code = (byte == b'%').then(|| Some((hex(ahead.next()?)?, hex(ahead.next()?)?))).flatten();
        match code {
            Some((high, low)) => {
                out.push(high * 16 + low);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).to_ascii_lowercase()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
