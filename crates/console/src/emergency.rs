//! Emergencies: the banner that every page carries while there is one, and the page where two people open one.

use std::net::IpAddr;
use std::sync::Arc;

use front::Body;
use http::Response;
use identity::people::SignedIn;
use model::{Blame, Fault, HumanId};

use crate::account::form_field;
use crate::assets::Assets;
use crate::holds::HoldsFuture;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, fault, go_to, notice, page};
use crate::passkey;
use crate::port::Parts;
use crate::proof::{self, Proof};
use crate::sign_in::Form;
use crate::words::stretch;

/// Emergencies, and what people say to them.
pub trait Emergencies: Send + Sync {
    /// Those that are open, or wait for a second person, as this person sees them.
    fn all(&self, human: &HumanId) -> Vec<EmergencyView>;

    /// Whether this person is one of those who may open emergencies. Error: why not.
    fn may_ask(&self, human: &HumanId) -> Result<(), String>;

    /// What a person does. Error: why it does not count.
    fn act(&self, who: SignedIn, act: EmergencyAct) -> HoldsFuture<'_>;
}

/// An emergency, as a page shows it.
#[derive(Debug, Clone)]
pub struct EmergencyView {
    /// Its id.
    pub id: String,
    /// Whether it is open; else it waits for a second person.
    pub open: bool,
    /// The name of the agent.
    pub agent: String,
    /// The name of the app; none: every app.
    pub app: Option<String>,
    /// Why, in the words of whoever asked for it.
    pub reason: String,
    /// The names of those who signed it.
    pub people: Vec<String>,
    /// How long is left, in microseconds.
    pub left_us: i64,
    /// Whether the person who looks may countersign it; why not.
    pub may_countersign: Result<(), String>,
}

/// What a person does about an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmergencyAct {
    /// Asks for one.
    Ask {
        /// Whose calls are to need no approval.
        agent: String,
        /// On which app; empty: on all of them.
        app: String,
        /// Why.
        reason: String,
    },
    /// Opens one that another person asked for.
    Countersign {
        /// Which.
        id: String,
    },
    /// Ends one.
    Close {
        /// Which.
        id: String,
    },
}

/// What every page says while there is one.
pub(crate) fn banner(all: &[EmergencyView]) -> Html {
    all.iter()
        .map(|one| {
            let (kind, what) = match one.open {
                true => ("open", "need no approval"),
                false => ("asked", "are to need no approval, if another person countersigns that"),
            };
            html!(
                "<div class=\"alarm {}\" role=\"status\"><p><b>Emergency.</b> Calls of <b>{}</b> on <b>{}</b> {}. \
                 {} left. <a href=\"/emergency\">Look at it</a></p></div>",
                kind,
                one.agent,
                app(one),
                what,
                stretch(one.left_us)
            )
        })
        .collect()
}

/// The page.
pub(crate) fn show(parts: &Parts, assets: &Assets, visitor: &Visitor, wrong: Option<&Fault>) -> Response<Body> {
    let may = match &parts.emergencies {
        Some(emergencies) => emergencies.may_ask(&visitor.human.id),
        None => Err("nothing can be held here".to_owned()),
    };
    let cards: Html = visitor.emergencies.iter().map(|one| card(parts, visitor, one, may.is_ok())).collect();
    let ask = match &may {
        Ok(()) => ask(parts, visitor),
        Err(why) => html!("<p class=\"quiet\">You cannot ask for one: {}.</p>", why),
    };
    let main = html!(
        "<div class=\"head\"><p class=\"crumbs\"><a href=\"/holds\" data-up>Holds</a></p><h1>Emergencies</h1>\
         <p>While one is open, calls of an agent that rules hold run without an approval. What is refused stays refused. \
         It takes two people, neither of whom answers for the agent, and lasts 30 minutes at most.</p></div>{}{}\
         <section class=\"card\"><h2>Ask for one</h2>{}</section>",
        wrong.map(notice),
        cards,
        ask
    );
    let mut response = page(assets, visitor, Place::Holds, "Emergencies", &main);
    if let Some(wrong) = wrong {
        *response.status_mut() = front::status_of(wrong);
    }
    response
}

fn card(parts: &Parts, visitor: &Visitor, one: &EmergencyView, may_close: bool) -> Html {
    let state = if one.open { "Open" } else { "Asked for" };
    let countersign = match &one.may_countersign {
        Ok(()) => signing(parts, visitor, &one.id, "countersign", "Countersign: let its calls run"),
        Err(why) if one.open => html!("<p class=\"quiet\">{}</p>", why),
        Err(why) => html!("<p class=\"quiet\">You cannot countersign it: {}.</p>", why),
    };
    let close = may_close.then(|| {
        html!(
            "<form method=\"post\" action=\"/emergency\">{}<input type=\"hidden\" name=\"id\" value=\"{}\">\
             <button name=\"say\" value=\"close\">End it now</button></form>",
            form_field(visitor),
            one.id
        )
    });
    html!(
        "<section class=\"card\"><h2>{}: calls of {} on {}</h2><blockquote>{}</blockquote>\
         <p>Signed by {}. {} left. <code>{}</code></p>{}{}</section>",
        state,
        one.agent,
        app(one),
        one.reason,
        one.people.join(" and "),
        stretch(one.left_us),
        one.id,
        countersign,
        close
    )
}

fn ask(parts: &Parts, visitor: &Visitor) -> Html {
    let directory = parts.directory.snapshot();
    let mut agents: Vec<_> = directory.agents.values().map(|one| (one.id.to_string(), one.name.clone())).collect();
    let mut apps: Vec<_> = directory.apps.values().map(|one| (one.id.to_string(), one.name.clone())).collect();
    agents.sort();
    apps.sort();
    let options = |all: Vec<(String, String)>| -> Html {
        all.into_iter().map(|(id, name)| html!("<option value=\"{}\">{}</option>", id, name)).collect()
    };
    let fields = html!(
        "<div class=\"field\"><label for=\"agent\">Agent</label><select id=\"agent\" name=\"agent\" required>{}</select></div>\
         <div class=\"field\"><label for=\"app\">On</label><select id=\"app\" name=\"app\">\
         <option value=\"\">every app</option>{}</select></div>\
         <div class=\"field\"><label for=\"reason\">Why; it goes on record</label>\
         <input id=\"reason\" name=\"reason\" maxlength=\"300\" autocomplete=\"off\" required></div>",
        options(agents),
        options(apps)
    );
    html!(
        "<form class=\"decide\" method=\"post\" action=\"/emergency\">{}{}{}</form>",
        form_field(visitor),
        fields,
        signed_buttons(parts, visitor, "", "ask", "Ask for an emergency")
    )
}

fn signing(parts: &Parts, visitor: &Visitor, id: &str, say: &'static str, name: &'static str) -> Html {
    html!(
        "<form class=\"decide\" method=\"post\" action=\"/emergency\">{}<input type=\"hidden\" name=\"id\" value=\"{}\">{}</form>",
        form_field(visitor),
        id,
        signed_buttons(parts, visitor, id, say, name)
    )
}

/// What proves that it is the person, and the button.
fn signed_buttons(parts: &Parts, visitor: &Visitor, id: &str, say: &'static str, name: &'static str) -> Html {
    let accounts = parts.people.accounts();
    let has_one = accounts.iter().any(|account| account.human == visitor.human.id && !account.passkeys.is_empty());
    let keys = has_one.then(|| passkey::button(parts, &passkey::in_emergency(visitor, id, say), say, "With a passkey"));
    let proof = Proof::asked(parts, visitor, PLACE, &format!("password-{say}"));
    let button = html!("<div class=\"buttons\"><button name=\"say\" value=\"{}\">{}</button></div>", say, name);
    html!(
        "{}{}{}<div class=\"buttons keys\">{}</div>{}",
        proof.fields,
        proof.buttons(button),
        passkey::fields(),
        keys,
        proof.way
    )
}

/// What a form on that page sends: opening one takes the signed-in person's own proof, just now; ending one does not.
pub(crate) async fn act(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    from: Option<IpAddr>,
    form: &mut Form,
) -> Response<Body> {
    let Some(emergencies) = &parts.emergencies else { return show(parts, assets, visitor, None) };
    let (say, id) = (form.take("say"), form.take("id"));
    let purpose = passkey::in_emergency(visitor, &id, &say);
    let act = match say.as_str() {
        "ask" => EmergencyAct::Ask { agent: form.take("agent"), app: form.take("app"), reason: form.take("reason") },
        "countersign" => EmergencyAct::Countersign { id },
        "close" => EmergencyAct::Close { id },
        _ => {
            let none = Fault::new(Blame::Caller, "caller.form", "the form does not say what to do");
            return fault(assets, Some(visitor), &none);
        }
    };
    let who = match &act {
        EmergencyAct::Close { .. } => Ok(visitor.signed_in.clone()),
        _ => proof::take(parts, visitor, from, form, (PLACE, &purpose)).await,
    };
    let done = match who {
        Ok(who) => emergencies.act(who, act).await,
        Err(wrong) => Err(wrong),
    };
    match done {
        Ok(()) => go_to(PLACE),
        Err(wrong) => show(parts, assets, visitor, Some(&wrong)),
    }
}

fn app(one: &EmergencyView) -> &str {
    one.app.as_deref().unwrap_or("every app")
}

/// Where all of this is.
const PLACE: &str = "/emergency";
