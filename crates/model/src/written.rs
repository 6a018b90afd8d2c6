//! How places, numbers, hosts and lists are written wherever they are compared: what reads a call and what reads a rule ask here, so that
//! both write the same alike.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::Chars;

use crate::arguments::Scalar;

/// An absolute place without `.`, `..`, `//` and a slash at its end. Links are not followed: nobody asks the file system. None:
/// where it leads depends on where and how it is read.
pub fn place(text: &str) -> Option<String> {
    place_parts(text).map(|parts| format!("/{}", parts.join("/")))
}

/// The parts of such a place.
pub fn place_parts(text: &str) -> Option<Vec<&str>> {
    if text.contains(|letter: char| letter.is_control() || matches!(letter, '\\' | '$' | '`')) {
        return None;
    }
    let mut parts = Vec::new();
    for part in text.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// A number as JSON writes it, exactly, without exponent and without zeros that say nothing. None: JSON has no such number, or it has more
/// than 64 digits.
pub fn number(text: &str) -> Option<Scalar> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 64)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let mut all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let before = usize::try_from(point.max(0)).ok()?;
    if point < 0 {
        all.insert_str(0, &"0".repeat(usize::try_from(-point).ok()?));
    }
    while all.len() < before {
        all.push('0');
    }
    let (whole, fraction) = all.split_at_checked(before)?;
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() {
        let text = format!("{sign}{whole}");
        return Some(text.parse().map_or(Scalar::Decimal(text), Scalar::Whole));
    }
    Some(Scalar::Decimal(format!("{sign}{whole}.{fraction}")))
}

/// A host by its name or number, in lower case. None: programs may differ in where it is, as of what is not ASCII, which some fold
/// and some do not.
pub fn host_name(host: &str) -> Option<String> {
    if let Some(six) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return six.parse::<Ipv6Addr>().ok().map(|six| match six.to_ipv4_mapped() {
            Some(four) => four.to_string(),
            None => format!("[{six}]"),
        });
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return None;
    }
    // `2130706433`, `0x7f.1` and `127.1` are numbers to some.
    let last = host.rsplit('.').next()?;
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if numeric && host.parse::<Ipv4Addr>().ok()?.to_string() != host {
        return None;
    }
    Some(host)
}

/// Whether everybody who reads an address (`https://host:port/path`) finds the same host and port in it. No user stands before the
/// host, and what stands behind it after a `:` is a port: many take another one where they cannot read it. Behind a port there is no
/// `@`, for what stands before it may be meant as a password with a `/` in it; in a path it is written `%40`.
pub fn is_of_one_host(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let end_of_six = authority.find(']').map_or(0, |end| end + 1);
    let (six, rest) = authority.split_at(end_of_six);
    let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let has_host = six.is_empty() != name.is_empty();
    has_host && !authority.contains('@') && port.is_none_or(|port| is_port(port) && !behind.contains('@'))
}

/// A list cut at `,` and `;` outside quotes; quoted names are left out. None: a quote has no end, or what is quoted may be an
/// address and no name, as in `"ana"@example.com`: nothing in `<` and `>` stands behind it.
pub fn list_parts(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut rest) = (Vec::new(), text.chars());
    loop {
        let (part, more) = list_part(&mut rest)?;
        // A comma may stand at the end.
        if more || !part.trim().is_empty() || parts.is_empty() {
            parts.push(part);
        }
        if !more {
            return Some(parts);
        }
    }
}

/// The next part of a list, and whether another one follows.
fn list_part(rest: &mut Chars<'_>) -> Option<(String, bool)> {
    let (mut part, mut named) = (String::new(), false);
    let more = loop {
        match rest.next() {
            Some('"') if part.trim().is_empty() => {
                pass_quoted(rest)?;
                named = true;
            }
            Some(',' | ';') => break true,
            Some(letter) => part.push(letter),
            None => break false,
        }
    };
    (!named || part.contains('<')).then_some((part, more))
}

/// Goes on behind the end of a quotation. None: it has none.
fn pass_quoted(rest: &mut Chars<'_>) -> Option<()> {
    loop {
        match rest.next()? {
            '\\' => drop(rest.next()?),
            '"' => return Some(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
