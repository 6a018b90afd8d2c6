//! The trace by pages, as JSON, and the counts, for programs of people (see [`bearer`]).

use std::sync::Arc;

use front::{Body, json_response, refusal};
use http::request::Parts as Head;
use http::{Method, Response, StatusCode};
use model::{Blame, Fault};
use trace::{Page, Query};

use crate::bearer;
use crate::port::Parts;
use crate::reading;
use crate::sight::Sight;

/// Where a page of records is asked for.
pub(crate) const TRACE: &str = "/v1/trace";
/// Where the counts are.
pub(crate) const METRICS: &str = "/metrics";

/// Answers one request to these.
pub(crate) async fn answer(parts: &Arc<Parts>, head: &Head) -> Response<Body> {
    answered(parts, head).await.unwrap_or_else(|fault| refusal(&fault))
}

async fn answered(parts: &Arc<Parts>, head: &Head) -> Result<Response<Body>, Fault> {
    if head.method != Method::GET {
        return Err(Fault::new(Blame::Caller, "caller.method", "this is only read: use GET"));
    }
    let (who, _) = bearer::person(parts, head).await?;
    let directory = parts.directory.snapshot();
    let human = directory.humans.get(who.human()).filter(|human| human.active).ok_or_else(bearer::nobody)?;
    let sight = Sight::of(human, &directory, &parts.readers);
    if head.uri.path() == METRICS {
        return if sight.is_everything() { (parts.metrics)().await } else { Err(no_reader()) };
    }
    let question = Query::of_address(head.uri.query().unwrap_or_default(), parts.clock.now())?;
    // Whoever is no reader is answered what concerns them, as on the page.
    let questions = sight.narrowed(&question);
    let page = reading::ask(parts, move |reader| Ok(Page::of(&questions, reader)?.to_json().to_string())).await?;
    Ok(json_response(StatusCode::OK, page))
}

fn no_reader() -> Fault {
    let said = "counts are over everybody's calls, and you see what concerns you";
    Fault::new(Blame::Caller, "caller.no_reader", said).hint("`console: {readers: …}` names who sees everything")
}
