//! The frame around every page.

use std::sync::Arc;

use front::{Body, full};
use http::{HeaderValue, Response, StatusCode, header};
use identity::people::SignedIn;
use model::{Fault, Human, Secret};

use crate::assets::Assets;
use crate::emergency::{EmergencyView, banner};
use crate::html::{Html, html};
use crate::sight::Sight;

/// Somebody who is signed in.
pub(crate) struct Visitor {
    pub(crate) signed_in: SignedIn,
    pub(crate) human: Arc<Human>,
    pub(crate) token: Secret<String>,
    pub(crate) sight: Sight,
    /// Calls that wait for this person.
    pub(crate) waiting: usize,
    /// Whether there are contracts at all.
    pub(crate) contracts: bool,
    /// Emergencies there are.
    pub(crate) emergencies: Vec<EmergencyView>,
}

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Live,
    Holds,
    Trace,
    Contracts,
    Account,
}

/// A page for somebody who is signed in.
pub(crate) fn page(assets: &Assets, visitor: &Visitor, place: Place, title: &str, main: &Html) -> Response<Body> {
    let item = |of: Place, href: &'static str, key: &'static str, name: &'static str, more: Html| {
        let current = if of == place { html!(" aria-current=\"page\"") } else { Html::default() };
        html!(
            "<li><a href=\"{}\" data-go=\"{}\"{}>{}<span>{}</span>{}</a></li>",
            href,
            key,
            current,
            icon(of),
            name,
            more
        )
    };
    let count = match visitor.waiting {
        0 => Html::default(),
        some => html!("<b class=\"count\" aria-label=\"{} waiting\">{}</b>", some, some),
    };
    let contracts = match visitor.contracts {
        true => item(Place::Contracts, "/contracts", "c", "Contracts", Html::default()),
        false => Html::default(),
    };
    let navigation: Html = [
        item(Place::Live, "/", "l", "Live", Html::default()),
        item(Place::Holds, "/holds", "h", "Holds", count),
        item(Place::Trace, "/trace", "t", "Trace", Html::default()),
        contracts,
    ]
    .into_iter()
    .collect();
    let current = if place == Place::Account { html!(" aria-current=\"page\"") } else { Html::default() };
    let body = html!(
        "<div class=\"shell\"><header class=\"side\">\
         <a class=\"brand\" href=\"/\"><img src=\"{}\" alt=\"\" width=\"24\" height=\"24\"><span>Countersign</span></a>\
         <nav aria-label=\"Main\"><ul>{}</ul></nav>\
         <a class=\"me\" href=\"/account\"{}><span class=\"initials\" aria-hidden=\"true\">{}</span>\
         <span class=\"who\"><b>{}</b><small>{}</small></span></a></header>\
         <main id=\"main\" tabindex=\"-1\">{}{}</main></div>{}",
        assets.mark.path,
        navigation,
        current,
        initials(&visitor.human.name),
        visitor.human.name,
        visitor.human.role.as_deref().unwrap_or("no role"),
        banner(&visitor.emergencies),
        main,
        keys()
    );
    whole(assets, title, &body)
}

/// A page for somebody who is not.
pub(crate) fn alone(assets: &Assets, title: &str, main: &Html) -> Response<Body> {
    let body = html!(
        "<div class=\"alone\"><main id=\"main\" tabindex=\"-1\">\
         <p class=\"brand\"><img src=\"{}\" alt=\"\" width=\"32\" height=\"32\"><span>Countersign</span></p>{}</main></div>",
        assets.mark.path,
        main
    );
    whole(assets, title, &body)
}

/// A page that says what went wrong.
pub(crate) fn fault(assets: &Assets, visitor: Option<&Visitor>, fault: &Fault) -> Response<Body> {
    let status = front::status_of(fault);
    let main = html!("<h1>That did not work</h1>{}<p><a href=\"/\">Back to the first page</a></p>", notice(fault));
    let mut response = match visitor {
        Some(visitor) => page(assets, visitor, Place::Account, "That did not work", &main),
        None => alone(assets, "That did not work", &main),
    };
    *response.status_mut() = status;
    response
}

/// What went wrong, in a box.
pub(crate) fn notice(fault: &Fault) -> Html {
    let said = capital(&fault.to_string());
    let (said, place) = said.split_once('\n').map_or((said.as_str(), None), |(said, place)| (said, Some(place)));
    let place = place.map(|place| html!("<pre>{}</pre>", place));
    let hint = fault.way_out().map(|hint| html!("<p class=\"hint\">{}</p>", hint));
    html!("<div class=\"notice bad\" role=\"alert\"><p><b>{}.</b></p>{}{}</div>", said, place, hint)
}

/// Sends the browser to another page.
pub(crate) fn go_to(place: &str) -> Response<Body> {
    let mut response = Response::new(front::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A sentence begins with a capital.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The whole document, beginning with its kind.
fn whole(assets: &Assets, title: &str, body: &Html) -> Response<Body> {
    let document = html!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{} · Countersign</title>\
         <link rel=\"stylesheet\" href=\"{}\"><link rel=\"icon\" href=\"{}\">\
         <script src=\"{}\" defer></script></head>\
         <body><a class=\"skip\" href=\"#main\">Skip to the content</a>{}</body></html>",
        title,
        assets.style.path,
        assets.mark.path,
        assets.script.path,
        body
    );
    let mut response = Response::new(full(document.into_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect()
}

fn icon(place: Place) -> Html {
    match place {
        Place::Live => {
            html!("<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M2 10h3.5l2.5-6 4 12 2.5-6H18\"/></svg>")
        }
        Place::Holds => html!(
            "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M5 2.5h10M5 17.5h10M6 2.5c0 5 8 5 8 7.5s-8 2.5-8 7.5M14 2.5c0 5-8 5-8 7.5s8 2.5 8 7.5\"/></svg>"
        ),
        Place::Trace => html!(
            "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M7 4.5h10.5M7 10h10.5M7 15.5h10.5M2.8 4.5h.4M2.8 10h.4M2.8 15.5h.4\"/></svg>"
        ),
        Place::Contracts => html!(
            "<svg viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5M7.5 9.5h5M7.5 12h5M7.5 14.8c1.5-1.6 2 .8 3.200-.4\"/></svg>"
        ),
        Place::Account => Html::default(),
    }
}

/// The list of keys, shown on `?`.
fn keys() -> Html {
    let rows: Html = KEYS
        .iter()
        .map(|(keys, what)| {
            let keys: Html = keys.split(' ').map(|key| html!("<kbd>{}</kbd> ", key)).collect();
            html!("<div><dt>{}</dt><dd>{}</dd></div>", keys, *what)
        })
        .collect();
    html!(
        "<dialog id=\"keys\" aria-labelledby=\"keys-title\"><h2 id=\"keys-title\">Keys</h2><dl>{}</dl>\
         <form method=\"dialog\"><button class=\"quiet\">Close</button></form></dialog>",
        rows
    )
}

const KEYS: &[(&str, &str)] = &[
    ("j k", "next and previous row"),
    ("Enter", "open the row"),
    ("/", "search the trace"),
    ("g l", "live"),
    ("g h", "holds"),
    ("g t", "trace"),
    ("g c", "contracts"),
    ("u", "back to the list"),
    ("?", "this list"),
];
