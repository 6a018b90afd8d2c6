//! Who one is here, and signing out.

use front::Body;
use http::Response;
use identity::people::form_token;

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, page};
use crate::port::Parts;
use crate::words::whole_moment;

pub(crate) fn show(parts: &Parts, assets: &Assets, visitor: &Visitor) -> Response<Body> {
    let human = &visitor.human;
    let account = parts.people.accounts().into_iter().find(|account| account.human == human.id);
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
        "<div class=\"head\"><h1>{}</h1><p>{}</p></div>\
         <section class=\"card\"><h2>You</h2><dl class=\"facts\">{}{}{}{}</dl></section>\
         <section class=\"card\"><h2>This session</h2><dl class=\"facts\">{}{}{}{}</dl>\
         <form method=\"post\" action=\"/sign-out\">{}<button>Sign out</button></form></section>",
        human.name,
        human.id,
        line("Role", text(&human.role)),
        line("Department", text(&human.department)),
        line("Manager", html!("{}", human.manager.as_ref().map_or("–", |manager| manager.as_str()))),
        line("Sees", html!("{}", sees)),
        line("Signed in with a", html!("{}", visitor.signed_in.how().as_str())),
        line("Since", whole_moment(visitor.signed_in.since(), &parts.zone)),
        line("In records", html!("<code>{}</code>", visitor.signed_in.session())),
        password,
        form_field(visitor)
    );
    page(assets, visitor, Place::Account, "Account", &main)
}

/// What shows that a form is on a page of this session.
pub(crate) fn form_field(visitor: &Visitor) -> Html {
    html!("<input type=\"hidden\" name=\"form\" value=\"{}\">", form_token(visitor.token.expose()))
}
