//! The page of the trace: a question, and what fits.

use std::sync::Arc;

use front::Body;
use http::Response;
use model::limits::CONSOLE_PAGE;
use model::{Blame, Fault};
use trace::{Page, Query};

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, notice, page};
use crate::port::Parts;
use crate::reading;
use crate::table::table;

/// What is asked for, as it stands in the address.
pub(crate) struct Asked {
    pub(crate) question: String,
    pub(crate) before: Option<u64>,
}

pub(crate) async fn show(parts: &Arc<Parts>, assets: &Assets, visitor: &Visitor, asked: &Asked) -> Response<Body> {
    let now = parts.clock.now();
    let (body, status) = match found(parts, visitor, asked).await {
        Ok(found) if found.records.is_empty() => (nothing(asked), None),
        Ok(found) => {
            let older = found.next.map(|place| {
                let address = address(&asked.question, Some(place));
                html!("<p class=\"more\"><a class=\"button\" href=\"{}\" rel=\"next\">Older</a></p>", address)
            });
            (html!("{}{}", table(&found.records, now, &parts.zone), older), None)
        }
        Err(fault) => (notice(&fault), Some(front::status_of(&fault))),
    };
    let main = html!(
        "<div class=\"head\"><h1>Trace</h1><p>Every decision and what came of it, newest first.</p></div>{}{}",
        search(asked, visitor),
        body
    );
    let mut response = page(assets, visitor, Place::Trace, "Trace", &main);
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    response
}

async fn found(parts: &Arc<Parts>, visitor: &Visitor, asked: &Asked) -> Result<Page, Fault> {
    let query = Query::parse(&asked.question, parts.clock.now()).map_err(|error| error.fault(Blame::Caller))?;
    let query = Query { before_sequence: asked.before, limit: CONSOLE_PAGE, ..query.of_calls_unless_said() };
    let questions = visitor.sight.narrowed(&query);
    reading::ask(parts, move |reader| Page::of(&questions, reader)).await
}

/// The box for questions, and some that are ready.
fn search(asked: &Asked, visitor: &Visitor) -> Html {
    let mine = format!("human:{}", visitor.human.id);
    let mut ready = vec![
        ("Everything", String::new()),
        ("Refused", "verdict:deny".to_owned()),
        ("Held", "verdict:hold".to_owned()),
        ("Failed", "status:failed,tool_error,protocol_error,unknown".to_owned()),
        ("For me", mine),
    ];
    if visitor.sight.is_everything() {
        ready.push(("Changes", "kind:change -what:gateway.heartbeat".to_owned()));
    }
    let chips: Html = ready
        .iter()
        .map(|(name, question)| {
            let current = if *question == asked.question { html!(" aria-current=\"true\"") } else { Html::default() };
            html!("<li><a href=\"{}\"{}>{}</a></li>", address(question, None), current, *name)
        })
        .collect();
    html!(
        "<search><form class=\"ask\" action=\"/trace\" method=\"get\"><label for=\"q\">Question</label>\
         <input id=\"q\" name=\"q\" type=\"search\" value=\"{}\" placeholder=\"verdict:deny app:crm since:7d\" \
         autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\"><button>Ask</button></form>\
         <ul class=\"chips\" aria-label=\"Ready questions\">{}</ul></search>",
        asked.question,
        chips
    )
}

fn nothing(asked: &Asked) -> Html {
    if asked.question.is_empty() && asked.before.is_none() {
        return html!(
            "<div class=\"empty\"><h2>Nothing was decided yet</h2>\
             <p>Every call an agent makes through the gateway appears here, with its verdict and its outcome.</p>\
             <p><code>countersign demo</code> makes some.</p></div>"
        );
    }
    html!(
        "<div class=\"empty\"><h2>Nothing fits</h2>\
         <p>A question is made of terms that must all hold: <code>agent:</code>, <code>human:</code>, <code>app:</code>, \
         <code>tool:</code>, <code>verdict:</code>, <code>rule:</code>, <code>since:</code>. A minus turns one round, commas separate \
         alternatives.</p></div>"
    )
}

fn address(question: &str, before: Option<u64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !question.is_empty() {
        query.append_pair("q", question);
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    let query = query.finish();
    if query.is_empty() { "/trace".to_owned() } else { format!("/trace?{query}") }
}
