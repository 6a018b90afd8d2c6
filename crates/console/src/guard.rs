//! What every request passes and every response carries.

use front::Body;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use model::{Blame, Fault};

/// Where a request comes from, as the browser says: a page of ours, or anything else.
///
/// `Host` and `Origin` were looked at by `front`. A request that changes something must say that it comes from here: a
/// browser sends `Origin` or `Sec-Fetch-Site` with every form.
pub(crate) fn same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Fault> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let fetched_from = headers.get("sec-fetch-site");
    let from_here = match fetched_from {
        Some(site) => site == "same-origin",
        None => headers.contains_key(header::ORIGIN),
    };
    if from_here {
        return Ok(());
    }
    Err(Fault::new(Blame::Caller, "caller.origin", "this can be done from a page of the console only"))
}

/// Whether somebody follows a link on a page of another site: then a browser does not send the cookie along.
pub(crate) fn from_another_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
        && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}

/// Where to go after signing in: a place of ours, or the first page.
pub(crate) fn place_of_ours(next: &str) -> &str {
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && next.len() <= NEXT_BYTES_MAX;
    if ours { next } else { "/" }
}

/// Puts on a response what keeps a page to itself.
pub(crate) fn harden(response: &mut Response<Body>) {
    for (name, value) in HEADERS {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

const NEXT_BYTES_MAX: usize = 4 * 1024;
/// `Referrer-Policy: no-referrer` would take `Origin` off our own forms.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
];

#[cfg(test)]
mod tests;
