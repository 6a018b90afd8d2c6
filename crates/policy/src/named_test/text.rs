//! Comparing one text with what a rule writes.

use model::Scalar;

use super::Wanted;
use crate::glob::Glob;

/// For rules that permit: the whole value as written, kind included.
pub(super) fn is_surely(wanted: &Wanted, scalar: Option<&Scalar>, value: &str) -> bool {
    match (wanted, scalar) {
        (Wanted::Exactly(wanted), Some(scalar)) => same_scalar(wanted, scalar),
        (Wanted::Exactly(wanted), None) => super::words_of(wanted) == value,
        (Wanted::Like(glob), _) => glob.matches(value),
    }
}

/// For rules that restrict: in any case of letters, whatever the kind. `resource`: the last part of a name counts as well,
/// so that `production-infra` is everybody's.
pub(super) fn is_perhaps(wanted: &Wanted, value: &str, resource: bool) -> bool {
    let value = lower(value);
    let same = |value: &str| match wanted {
        Wanted::Exactly(wanted) => lower(&super::words_of(wanted)) == value,
        Wanted::Like(glob) => Glob::new(&lower(glob.as_str())).matches(value),
    };
    same(&value) || (resource && last_part(&value).is_some_and(same))
}

pub(super) fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Whether an absolute path is a folder or lies in it, after `.`, `..` and doubled slashes are gone.
pub(super) fn is_under(path: &str, folder: &str) -> bool {
    let (Some(path), Some(folder)) = (parts(path), parts(folder)) else { return false };
    path.starts_with(&folder)
}

/// The domain of a mail address, a URL or a host, in small letters.
pub(super) fn domain(value: &str) -> Option<String> {
    let value = value.trim();
    let domain = match value.split_once("://") {
        Some((_, rest)) => {
            let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() }
        }
        None => match value.trim_end_matches('>').rsplit_once('@') {
            Some((_, domain)) => domain,
            None if is_host(value) => value,
            None => return None,
        },
    };
    let domain = domain.trim().trim_end_matches('.').to_lowercase();
    (!domain.is_empty()).then_some(domain)
}

/// Whether this can be a host by itself, with a dot in it.
fn is_host(value: &str) -> bool {
    value.contains('.') && value.chars().all(|letter| letter.is_alphanumeric() || "-.".contains(letter))
}

/// Whether a domain is one of these; `*.example.com` stands for all below `example.com`.
pub(super) fn is_at(domain: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| match wanted.strip_prefix("*.") {
        Some(above) => domain.strip_suffix(above).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => domain == wanted,
    })
}

fn same_scalar(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        // A rule that names an account `123` means the text `"123"`, too.
        (Scalar::Whole(_) | Scalar::Decimal(_), Scalar::Text(text)) => super::words_of(one) == text.as_ref(),
        (Scalar::Text(text), Scalar::Whole(_) | Scalar::Decimal(_)) => super::words_of(other) == text.as_ref(),
        _ => one == other,
    }
}

fn last_part(value: &str) -> Option<&str> {
    value.rsplit_once('/').map(|(_, last)| last)
}

fn parts(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts)
}
