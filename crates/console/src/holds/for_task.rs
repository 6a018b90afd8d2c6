//! What is approved for tasks, and taking it back.

use front::Body;
use http::Response;

use super::no_such;
use crate::account::form_field;
use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Visitor, fault, go_to};
use crate::port::Parts;
use crate::words::stretch;

/// What is approved for a task, as a page shows it.
#[derive(Debug, Clone)]
pub struct ForTaskView {
    /// The hold that was approved.
    pub id: String,
    /// The name of who asks.
    pub agent: String,
    /// The name of the person it asks for.
    pub human: String,
    /// In which task.
    pub task: String,
    /// The app, by name.
    pub app: String,
    /// The tool.
    pub tool: String,
    /// Of what, by name; empty: of exactly the arguments that were seen.
    pub value: Vec<(String, String)>,
    /// The names of those who approved.
    pub by: Vec<String>,
    /// How long is left, in microseconds.
    pub left_us: i64,
    /// Whether the person who looks may take it back.
    pub may_revoke: bool,
}

/// All that this person may see. None: there is nothing.
pub(super) fn list(parts: &Parts, visitor: &Visitor) -> Option<Html> {
    let all = parts.holds.as_ref().map(|holds| holds.for_tasks(&visitor.human.id)).unwrap_or_default();
    let rows: Html = all.iter().map(|one| row(one, visitor)).collect();
    (!all.is_empty()).then(|| html!("<section><h2>Approved for tasks</h2><ul class=\"holds\">{}</ul></section>", rows))
}

fn row(one: &ForTaskView, visitor: &Visitor) -> Html {
    let of: Vec<String> = one.value.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let of = if of.is_empty() { "exactly the arguments that were approved".to_owned() } else { of.join(", ") };
    let revoke = one.may_revoke.then(|| {
        html!(
            "<form method=\"post\" action=\"/holds/{}/revoke\">{}<button>Take it back</button></form>",
            one.id,
            form_field(visitor)
        )
    });
    html!(
        "<li class=\"hold\"><b>{}<i>/</i>{}</b><p><b>{}</b> for {}, in the task <code>{}</code></p><p class=\"quiet\">{}</p>\
         <p class=\"left\">Approved by {}, {} left</p>{}</li>",
        one.app,
        one.tool,
        one.agent,
        one.human,
        one.task,
        of,
        one.by.join(" and "),
        stretch(one.left_us),
        revoke
    )
}

/// What the button sends: it permits nothing, so nothing but the session is asked for.
pub(crate) async fn revoke(parts: &Parts, assets: &Assets, visitor: &Visitor, id: &str) -> Response<Body> {
    let Some(holds) = &parts.holds else { return fault(assets, Some(visitor), &no_such(id)) };
    match holds.revoke(visitor.signed_in.clone(), id.to_owned()).await {
        Ok(()) => go_to("/holds"),
        Err(wrong) => fault(assets, Some(visitor), &wrong),
    }
}
