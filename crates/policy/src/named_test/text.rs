//! Comparing one text with what a rule writes.

use model::{Scalar, written};

use super::Wanted;
use crate::glob::Glob;

/// For rules that permit: the whole value as written, kind included.
pub(super) fn is_surely(wanted: &Wanted, scalar: Option<&Scalar>, value: &str) -> bool {
    match (wanted, scalar) {
        (Wanted::Exactly(wanted), Some(scalar)) => same_scalar(wanted, scalar),
        (Wanted::Exactly(wanted), None) => super::words_of(wanted) == value,
        (Wanted::Spelled(_, spelling), Some(Scalar::Text(_)) | None) => spelling.as_ref() == value,
        (Wanted::Spelled(wanted, _), Some(scalar)) => wanted == scalar,
        (Wanted::Like(glob), _) => glob.matches(value),
    }
}

/// For rules that restrict: in any case of letters, whatever the kind. `parted`: the last part of a name counts as well, so
/// that `production-infra` is everybody's; it stands behind one of these.
pub(super) fn is_perhaps(wanted: &Wanted, value: &str, parted: &[&str]) -> bool {
    let value = lower(value);
    let same = |value: &str| match wanted {
        Wanted::Exactly(wanted) => lower(&super::words_of(wanted)) == value,
        Wanted::Spelled(wanted, spelling) => super::words_of(wanted) == value || lower(spelling) == value,
        Wanted::Like(glob) => Glob::new(&lower(glob.as_str())).matches(value),
    };
    same(&value) || parted.iter().filter_map(|join| value.rsplit_once(join)).any(|(_, last)| same(last))
}

pub(super) fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Whether a path is a folder or lies in it, after `.`, `..` and doubled slashes are gone. None: nobody can tell where it leads.
pub(super) fn is_under(path: &str, folder: &str) -> Option<bool> {
    let (path, folder) = (written::place_parts(path)?, written::place_parts(folder)?);
    Some(path.starts_with(&folder))
}

/// The domains of a URL, or of a list of mail addresses and hosts, in small letters; that of `#general` is empty. None: one of
/// them cannot be read for certain.
pub(super) fn domains(value: &str) -> Option<Vec<String>> {
    if value.contains(char::is_control) {
        return None;
    }
    match value.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => url_host(rest).map(|host| vec![host]),
        _ => addresses(value)?.iter().map(|address| domain(address)).collect(),
    }
}

fn is_scheme(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "+.-".contains(letter))
}

/// The host of a URL, of what stands behind its `://`.
fn url_host(rest: &str) -> Option<String> {
    let authority = rest.split(['/', '?', '#']).next()?;
    // Programs differ in which of two they go to, and to some it is an address of mail, or a list.
    let odd = |letter: char| letter.is_whitespace() || "\\@<>\"".contains(letter);
    if rest.contains(odd) || rest.split([',', ';']).skip(1).any(may_be_an_address) {
        return None;
    }
    if let Some((six, _port)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return written::host_name(&format!("[{six}]"));
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    port.parse::<u16>().ok().and_then(|_| written::host_name(host))
}

/// Whether what stands behind a comma in a URL may be another URL or host, and not a part of it as in `?at=52.5,13.4`.
fn may_be_an_address(part: &str) -> bool {
    let host = part.split(['/', ':', '?', '#', '&']).next().unwrap_or_default();
    part.contains("//") || (host.contains('.') && written::number(host).is_none())
}

/// The addresses of a list, without the names of people. None: one of them is no address, or may hold another.
fn addresses(list: &str) -> Option<Vec<String>> {
    let address = |one: &str| match (one.split_once('<'), one.strip_suffix('>')) {
        (Some((name, _)), Some(whole)) if !name.contains('@') => whole.get(name.len() + 1..).map(str::to_owned),
        (None, None) => Some(one.to_owned()),
        _ => None,
    };
    written::list_parts(list)?.iter().map(|one| address(one.trim())).collect()
}

/// The domain of one address or host. What an app calls its people and channels, `@ana` and `#general`, is at none.
fn domain(address: &str) -> Option<String> {
    let odd = |letter: char| letter.is_whitespace() || "<>()[]\\/;:\"'".contains(letter);
    if address.contains(odd) {
        return None;
    }
    match address.rsplit_once('@') {
        Some(("", _)) => Some(String::new()),
        Some((local, domain)) => written::host_name(domain).filter(|_| !local.contains('@')),
        None if address.is_empty() || address.starts_with('#') => Some(String::new()),
        None => written::host_name(address),
    }
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
