//! Signing in, and choosing a password with the code of an invitation.

use std::net::IpAddr;
use std::sync::Arc;

use front::Body;
use http::request::Parts as Head;
use http::{HeaderValue, Response, StatusCode, header};
use identity::people::{Client, Opened};
use model::limits::PASSWORD_CHARS_MIN;
use model::{Fault, Secret};

use crate::assets::Assets;
use crate::cookie::Cookies;
use crate::guard::place_of_ours;
use crate::html::{Html, html};
use crate::page::{alone, go_to, notice};
use crate::passkey;
use crate::port::Parts;
use crate::provider;

/// The page on which people sign in.
pub(crate) fn show(parts: &Parts, assets: &Assets, next: &str, name: &str, fault: Option<&Fault>) -> Response<Body> {
    let main = html!(
        "<h1>Sign in</h1>{}{}<form method=\"post\" action=\"/sign-in\">\
         <input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label for=\"name\">Your id</label>\
         <input id=\"name\" name=\"name\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"off\" spellcheck=\"false\" required{}>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required{}>\
         <button class=\"strong\">Sign in</button>{}<div class=\"keys\">{}</div></form>\
         <p class=\"small\">No account yet, or the password forgotten? The operator makes a link with \
         <code>countersign accounts invite</code>.</p>",
        fault.map(notice),
        provider::way_in(parts, next),
        place_of_ours(next),
        name,
        focus(name.is_empty()),
        focus(!name.is_empty()),
        passkey::fields(),
        passkey::button(parts, passkey::SIGN_IN, "", "Sign in with a passkey")
    );
    with_status(alone(assets, "Sign in", &main), fault)
}

/// What the form on it sends.
pub(crate) async fn accept(
    parts: &Arc<Parts>,
    assets: &Assets,
    (cookies, head): (&Cookies, &Head),
    from: Option<IpAddr>,
    form: &mut Form,
) -> Response<Body> {
    let (name, next) = (form.take("name"), form.take("next"));
    let password = Secret::new(form.take("password"));
    let opened = match passkey::answer(form) {
        Some(answer) => {
            let (purpose, site) = (passkey::SIGN_IN, &parts.site);
            parts.people.sign_in_with_passkey(&answer, purpose, site, Client::Page, from).await
        }
        None => match cookies.browser.token(&head.headers) {
            Some(mark) => parts.people.sign_in_again(name.trim(), mark.expose(), password, from).await,
            None => parts.people.sign_in(name.trim(), password, Client::Page, from).await,
        },
    };
    match opened {
        Ok(opened) => signed_in(parts, cookies, &opened, place_of_ours(&next)),
        Err(fault) => show(parts, assets, &next, &name, Some(&fault)),
    }
}

/// The page on which an invited person chooses a password. Following the link changes nothing.
pub(crate) fn welcome(parts: &Parts, assets: &Assets, code: &str, fault: Option<&Fault>) -> Response<Body> {
    let invited = parts.people.invited(code);
    let (greeting, asked) = match &invited {
        Some(human) => {
            let resets = parts.people.accounts().iter().any(|account| account.human == human.id);
            let what = if resets {
                "Choose a new password. Every session of yours that is open ends with that."
            } else {
                "Choose the password with which you sign in here."
            };
            let hidden = html!(
                "<input type=\"hidden\" name=\"code\" value=\"{}\">\
                 <input type=\"hidden\" name=\"name\" autocomplete=\"username\" value=\"{}\">",
                code,
                human.id
            );
            (html!("<h1>Welcome, {}</h1><p>{}</p>", human.name, what), hidden)
        }
        None => (
            html!("<h1>Choose a password</h1><p>The operator gave you a code. It is good once, and for an hour.</p>"),
            html!(
                "<label for=\"code\">Code</label><input id=\"code\" name=\"code\" value=\"{}\" autocomplete=\"off\" \
                 autocapitalize=\"off\" spellcheck=\"false\" required>",
                code
            ),
        ),
    };
    let main = html!(
        "{}{}<form method=\"post\" action=\"/welcome\">{}<label for=\"password\">New password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" minlength=\"{}\" required \
         aria-describedby=\"rule\"{}>\
         <p class=\"small\" id=\"rule\">{} characters or more. A few words one after another are long and easy to keep in mind.</p>\
         <label for=\"again\">The same again</label>\
         <input id=\"again\" name=\"again\" type=\"password\" autocomplete=\"new-password\" required>\
         <button class=\"strong\">Choose this password</button></form>",
        greeting,
        fault.map(notice),
        asked,
        PASSWORD_CHARS_MIN,
        focus(invited.is_some()),
        PASSWORD_CHARS_MIN
    );
    with_status(alone(assets, "Welcome", &main), fault)
}

/// What the form on it sends.
pub(crate) async fn choose(
    parts: &Arc<Parts>,
    assets: &Assets,
    cookies: &Cookies,
    from: Option<IpAddr>,
    form: &mut Form,
) -> Response<Body> {
    let code = form.take("code");
    let (password, again) = (Secret::new(form.take("password")), Secret::new(form.take("again")));
    if password.expose() != again.expose() {
        let fault = Fault::new(model::Blame::Caller, "people.password", "the two passwords are not the same");
        return welcome(parts, assets, &code, Some(&fault));
    }
    match parts.people.accept(&code, password, Client::Page, from).await {
        Ok(opened) => signed_in(parts, cookies, &opened, "/"),
        Err(fault) => welcome(parts, assets, &code, Some(&fault)),
    }
}

/// A page that goes on by itself to the same address: a browser that came over a link on another site sends the cookie only
/// from here.
pub(crate) fn come_in(assets: &Assets, here: &str) -> Response<Body> {
    let main = html!("<h1>One moment</h1><p><a href=\"{}\">Go on</a></p>", here);
    let mut response = alone(assets, "One moment", &main);
    if let Ok(again) = HeaderValue::from_str(&format!("0; url={here}")) {
        response.headers_mut().insert("refresh", again);
    }
    response
}

/// The fields of a form.
pub(crate) struct Form(Vec<(String, String)>);

// === impl Form ===

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of a field, which is gone from the form then; nothing where there is none.
    pub(crate) fn take(&mut self, name: &str) -> String {
        self.0.iter_mut().find(|(of, _)| of == name).map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }
}

fn signed_in(parts: &Parts, cookies: &Cookies, opened: &Opened, next: &str) -> Response<Body> {
    remembered(parts, cookies, opened, go_to(next))
}

/// With the cookies of whoever has just signed in: of the session, and of a browser in which they have.
pub(crate) fn remembered(
    parts: &Parts,
    cookies: &Cookies,
    opened: &Opened,
    mut response: Response<Body>,
) -> Response<Body> {
    let mark = parts.people.mark(&opened.signed_in).map(|mark| cookies.browser.set(&mark));
    for line in std::iter::once(cookies.session.set(&opened.token)).chain(mark) {
        if let Ok(set) = HeaderValue::from_str(&line) {
            response.headers_mut().append(header::SET_COOKIE, set);
        }
    }
    response
}

fn with_status(mut response: Response<Body>, fault: Option<&Fault>) -> Response<Body> {
    *response.status_mut() = fault.map_or(StatusCode::OK, front::status_of);
    response
}

fn focus(here: bool) -> Html {
    if here { html!(" autofocus") } else { Html::default() }
}
