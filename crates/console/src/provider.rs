//! To the organisation's identity provider, and back.
//!
//! One goes there by a link and not by a form: `form-action 'self'` holds for where a form's answer redirects to, too, and stays as
//! strict as it is. The link sets a cookie of its own, which is good for this one errand.

use std::error::Error as _;
use std::net::IpAddr;

use front::Body;
use http::request::Parts as Head;
use http::{HeaderValue, Response, header};
use identity::people::SignedIn;
use identity::provider::{Back, Provider};
use model::{Fault, Secret};

use crate::assets::Assets;
use crate::cookie::{Cookie, Cookies};
use crate::guard::place_of_ours;
use crate::html::{Html, html};
use crate::page::{Visitor, go_to};
use crate::port::Parts;
use crate::sign_in::{self, Form};

/// Where a provider sends people back to, below the address of the console: what is registered there as the redirect URI.
pub const PROVIDER_BACK: &str = "/sign-in/oidc";
/// Where the way there begins.
pub(crate) const BEGIN: &str = "/sign-in/oidc/begin";

/// The link with which one signs in.
pub(crate) fn way_in(parts: &Parts, next: &str) -> Option<Html> {
    let provider = parts.provider.as_ref()?;
    let next = encoded(place_of_ours(next));
    let name = provider.name();
    Some(html!(
        "<p><a class=\"button strong\" href=\"{}?next={}\">Sign in with {}</a></p>\
         <p class=\"small\">Or with a password or a passkey of this gateway:</p>",
        BEGIN,
        next,
        name
    ))
}

/// The provider, where it has a name for this person.
pub(crate) fn knowing<'a>(parts: &'a Parts, visitor: &Visitor) -> Option<&'a Provider> {
    let directory = parts.directory.snapshot();
    let known = directory.known_elsewhere.values().any(|human| *human == visitor.human.id);
    parts.provider.as_deref().filter(|_| known)
}

/// The link with which one proves it anew, for the page at `place`.
pub(crate) fn way_to_prove(provider: &Provider, place: &str) -> Html {
    html!(
        "<p><a class=\"button\" href=\"{}?prove=1&amp;next={}\">Prove with {} that it is you</a></p>",
        BEGIN,
        encoded(place),
        provider.name()
    )
}

/// Sends the browser there; with `who`, to prove anew that it is this person.
pub(crate) async fn begin(
    parts: &Parts,
    assets: &Assets,
    cookie: &Cookie,
    who: Option<&SignedIn>,
    next: &str,
) -> Response<Body> {
    let next = place_of_ours(next);
    let Some(provider) = &parts.provider else { return sign_in::show(parts, assets, next, "", None) };
    match parts.people.send_away(provider, who, next).await {
        Ok(away) => with_cookie(go_to(&away.url), &cookie.set(&away.cookie)),
        Err(fault) => {
            tell_operator(&fault);
            sign_in::show(parts, assets, next, "", Some(&fault))
        }
    }
}

/// Takes whoever comes back: the one request without a form of ours that opens a session. State, nonce and the cookie of the
/// errand stand for the form.
pub(crate) async fn back(
    parts: &Parts,
    assets: &Assets,
    cookies: &Cookies,
    head: &Head,
    from: Option<IpAddr>,
) -> Response<Body> {
    let Some(provider) = &parts.provider else { return sign_in::show(parts, assets, "/", "", None) };
    let mut said = Form::parse(head.uri.query().unwrap_or_default().as_bytes());
    let back = Back {
        state: said.take("state"),
        code: said.take("code"),
        issuer: said.take("iss"),
        error: said.take("error"),
    };
    let cookie = cookies.errand.token(&head.headers);
    let cookie = cookie.as_ref().map(Secret::expose).map(String::as_str);
    match parts.people.come_back(provider, cookie, &back, from).await {
        // Not a redirect: the browser counts the whole way as one from another site, and would show no session there.
        Ok(came) => {
            let response = sign_in::come_in(assets, place_of_ours(&came.next));
            let response = with_cookie(response, &cookies.errand.end());
            match &came.opened {
                Some(opened) => sign_in::remembered(parts, cookies, opened, response),
                None => response,
            }
        }
        // The errand stays: it may come back once more, and any page can make any browser ask for this address meanwhile.
        Err(fault) => {
            tell_operator(&fault);
            sign_in::show(parts, assets, "/", "", Some(&fault))
        }
    }
}

/// What is wrong with the provider stands in the log, once for each time that it was asked; the page says less.
fn tell_operator(fault: &Fault) {
    if fault.blame() != model::Blame::Caller && fault.source().is_some() {
        tracing::warn!(?fault, "nobody can sign in with the identity provider");
    }
}

fn with_cookie(mut response: Response<Body>, line: &str) -> Response<Body> {
    if let Ok(set) = HeaderValue::from_str(line) {
        response.headers_mut().append(header::SET_COOKIE, set);
    }
    response
}

fn encoded(place: &str) -> String {
    form_urlencoded::byte_serialize(place.as_bytes()).collect()
}

#[cfg(test)]
mod tests;
