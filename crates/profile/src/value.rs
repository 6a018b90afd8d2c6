//! One value, normalised by the kind of its role. None: it cannot be read as such.

use model::Scalar;
use model::written::{host_name, list_parts};

/// The host of an address, in lower case.
pub(crate) fn host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let known = ["http", "https", "ws", "wss", "ftp", "ftps", "ssh", "git", "s3", "gs"];
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if !known.contains(&scheme.to_ascii_lowercase().as_str()) || url.contains(odd) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    // Programs differ in which of two they go to.
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((six, port)) => (format!("[{six}]"), port),
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_owned(), authority.get(host.len()..).filter(|_| !port.is_empty())?),
            None => (authority.to_owned(), ""),
        },
    };
    let port_is_right = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    host_name(&host).filter(|_| port_is_right)
}

/// The recipients of a list: `Ana <ana@example.com>, #general`. Addresses without names, in lower case. None where any of
/// them cannot be read.
pub(crate) fn recipients(text: &str) -> Option<Vec<String>> {
    if text.contains(char::is_control) {
        return None;
    }
    let mut found = Vec::new();
    for one in list_parts(text)? {
        let one = one.trim();
        let address = match (one.split_once('<'), one.ends_with('>')) {
            (Some((name, address)), true) if !name.contains('@') => address.strip_suffix('>')?,
            (None, false) => one,
            _ => return None,
        };
        found.push(recipient(address)?);
    }
    Some(found)
}

/// One recipient, in lower case: an address, or what an app calls its people and channels.
pub(crate) fn recipient(text: &str) -> Option<String> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"'".contains(c);
    if text.is_empty() || text.contains(odd) {
        return None;
    }
    // A name in front: `@ana`.
    match text.rsplit_once('@').filter(|(local, _)| !local.is_empty()) {
        Some((local, domain)) if !local.contains('@') => {
            let domain = host_name(domain)?;
            Some(format!("{}@{domain}", local.to_lowercase()))
        }
        Some(_) => None,
        None => Some(text.to_lowercase()),
    }
}

/// A number in digits.
pub(crate) fn spelled(number: &Scalar) -> String {
    match number {
        Scalar::Whole(whole) => whole.to_string(),
        Scalar::Decimal(text) => text.clone(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Text(text) => text.to_string(),
    }
}

/// The name of a resource, as it is.
pub(crate) fn name(text: &str, ignore_case: bool) -> Option<String> {
    if text.is_empty() || text.contains(char::is_control) {
        return None;
    }
    Some(if ignore_case { text.to_lowercase() } else { text.to_owned() })
}

/// A part of a composed name. What could reach over into the next part is none.
pub(crate) fn part(text: &str, join: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "/\\%?#".contains(c);
    !text.is_empty() && !text.contains(odd) && !text.contains(join) && text != "." && text != ".."
}

#[cfg(test)]
mod tests;
