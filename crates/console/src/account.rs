//! Who one is here, and signing out.

use std::net::IpAddr;
use std::sync::Arc;

use front::Body;
use http::Response;
use identity::people::form_token;
use model::{Blame, Fault, Secret, UnixMicros};

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, go_to, notice, page};
use crate::passkey;
use crate::port::Parts;
use crate::provider::{knowing, way_to_prove};
use crate::sign_in::Form;
use crate::words::{whole_moment, with_what};

pub(crate) fn show(parts: &Parts, assets: &Assets, visitor: &Visitor, wrong: Option<&Fault>) -> Response<Body> {
    let human = &visitor.human;
    let account = parts.people.accounts().into_iter().find(|account| account.human == human.id);
    let passkeys = account.as_ref().map(|account| passkeys(parts, visitor, &account.passkeys));
    let line = |name: &'static str, value: Html| html!("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
    let text = |value: &Option<String>| html!("{}", value.as_deref().unwrap_or("–"));
    let sees = if visitor.sight.is_everything() {
        "everything in the trace"
    } else {
        "what was done for you, by agents you answer for, and on apps you own"
    };
    let password = account.map(|account| {
        html!(
            "{}{}",
            line("Password chosen", whole_moment(account.since, &parts.zone)),
            line("Invited by", html!("{}", account.invited_by))
        )
    });
    let main = html!(
        "<div class=\"head\"><h1>{}</h1><p>{}</p></div>{}\
         <section class=\"card\"><h2>You</h2><dl class=\"facts\">{}{}{}{}</dl></section>\
         <section class=\"card\"><h2>This session</h2><dl class=\"facts\">{}{}{}{}</dl>\
         <form method=\"post\" action=\"/sign-out\">{}<button>Sign out</button></form></section>{}{}",
        human.name,
        human.id,
        wrong.map(notice),
        line("Role", text(&human.role)),
        line("Department", text(&human.department)),
        line("Manager", html!("{}", human.manager.as_ref().map_or("–", |manager| manager.as_str()))),
        line("Sees", html!("{}", sees)),
        line("Signed in with", html!("{}", with_what(visitor.signed_in.how().as_str()))),
        line("Since", whole_moment(visitor.signed_in.since(), &parts.zone)),
        line("In records", html!("<code>{}</code>", visitor.signed_in.session())),
        password,
        form_field(visitor),
        terminal(parts, visitor, None),
        passkeys
    );
    let mut response = page(assets, visitor, Place::Account, "Account", &main);
    if let Some(wrong) = wrong {
        *response.status_mut() = front::status_of(wrong);
    }
    response
}

/// The command line knows no identity provider: a code leads from here to there.
fn terminal(parts: &Parts, visitor: &Visitor, code: Option<&Secret<String>>) -> Option<Html> {
    let provider = knowing(parts, visitor)?;
    let card = |content: Html| html!("<section class=\"card\"><h2>At a terminal</h2>{}</section>", content);
    if let Some(code) = code {
        return Some(card(html!(
            "<p role=\"status\">Good once, and for five minutes:</p><pre>countersign login --from-page {}</pre>",
            code.expose()
        )));
    }
    let way = if parts.people.is_confirmed(&visitor.signed_in, PLACE) {
        html!(
            "<form method=\"post\" action=\"/account/terminal\">{}<button>Make a code for the command line</button></form>",
            form_field(visitor)
        )
    } else {
        way_to_prove(provider, PLACE)
    };
    Some(card(html!(
        "<p>With {}, one signs in on pages. A code from here signs you in with the command line, too.</p>{}",
        provider.name(),
        way
    )))
}

/// Lends a code for the command line to whoever has just proved again who they are: a session left open is not enough.
pub(crate) fn lend_code(parts: &Parts, assets: &Assets, visitor: &Visitor) -> Response<Body> {
    let lent = parts.people.confirm_with_provider(&visitor.signed_in, PLACE);
    match lent.and_then(|who| parts.people.lend_code(&who)) {
        Ok(code) => {
            let main = html!(
                "<div class=\"head\"><h1>{}</h1><p>{}</p></div>{}<p><a class=\"button\" href=\"/account\">Done</a></p>",
                visitor.human.name,
                visitor.human.id,
                terminal(parts, visitor, Some(&code))
            );
            page(assets, visitor, Place::Account, "A code for the command line", &main)
        }
        Err(fault) => show(parts, assets, visitor, Some(&fault)),
    }
}

/// Keys of this person, and how to add one.
fn passkeys(parts: &Parts, visitor: &Visitor, keys: &[(String, String, UnixMicros)]) -> Html {
    let rows: Html = keys
        .iter()
        .map(|(name, id, since)| {
            html!(
                "<li><span><b>{}</b> <small>since {}</small></span><form method=\"post\" action=\"/account/passkeys/remove\">{}\
                 <input type=\"hidden\" name=\"id\" value=\"{}\"><button aria-label=\"Remove {}\">Remove</button></form></li>",
                name, whole_moment(*since, &parts.zone), form_field(visitor), id, name
            )
        })
        .collect();
    html!(
        "<section class=\"card\"><h2>Passkeys</h2><p>A key of a device of yours, in the place of the password. It is good at \
         <code>{}</code>.</p><ul class=\"passkeys\">{}</ul><form method=\"post\" action=\"/account/passkeys\">{}{}\
         <label for=\"key-name\">What to call it</label><input id=\"key-name\" name=\"name\" maxlength=\"64\" autocomplete=\"off\" required>\
         <label for=\"key-password\">Your password</label>\
         <input id=\"key-password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
         <div class=\"keys\">{}</div></form></section>",
        parts.site.host,
        rows,
        form_field(visitor),
        passkey::fields(),
        passkey::button_to_add(parts, visitor)
    )
}

/// Takes a new key, of whoever knows the password too: a session left open is not enough.
pub(crate) async fn add_passkey(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    from: Option<IpAddr>,
    form: &mut Form,
) -> Response<Body> {
    let added = async {
        let answer = passkey::answer(form)
            .ok_or_else(|| Fault::new(Blame::Caller, "people.passkey", "there is no passkey in the form"))?;
        let (name, password) = (form.take("name"), Secret::new(form.take("password")));
        parts.people.confirm(&visitor.signed_in, password, from).await?;
        let purpose = passkey::adding(visitor);
        parts.people.add_passkey(&visitor.signed_in, &answer, &purpose, &parts.site, &name).await
    };
    match added.await {
        Ok(()) => go_to("/account"),
        Err(fault) => show(parts, assets, visitor, Some(&fault)),
    }
}

/// Forgets a key.
pub(crate) async fn remove_passkey(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    form: &mut Form,
) -> Response<Body> {
    match parts.people.remove_passkey(&visitor.signed_in, &form.take("id")).await {
        Ok(()) => go_to("/account"),
        Err(fault) => show(parts, assets, visitor, Some(&fault)),
    }
}

/// What shows that a form is on a page of this session.
pub(crate) fn form_field(visitor: &Visitor) -> Html {
    html!("<input type=\"hidden\" name=\"form\" value=\"{}\">", form_token(visitor.token.expose()))
}

/// The page of one's own.
const PLACE: &str = "/account";
