//! What happened to a call while it waited for people.

use model::{CallId, HumanId, Verdict};
use serde_json::Value;
use trace::ChangeView;

use super::step;
use crate::html::{Html, html};
use crate::page::capital;
use crate::port::Parts;
use crate::words::{ERASED, sign, whole_moment, with_what};

/// One step of it, as it is seen from this call: the one that was held, or the one that carries it out.
pub(super) fn step_of(parts: &Parts, change: &ChangeView, seen_from: &CallId) -> Option<Html> {
    let at = whole_moment(change.at, &parts.zone);
    let by = change.by.as_deref().map_or_else(|| ERASED.to_owned(), |by| name_of(parts, by));
    let text = |key: &str| change.detail.as_ref()?.get(key)?.as_str().map(str::to_owned);
    let for_a_fact = text("waits_for").as_deref() == Some("fact");
    Some(match change.what.as_str() {
        "hold.opened" => {
            let id = text("hold").unwrap_or_default();
            let (title, what, verdict) = match for_a_fact {
                true => ("Waits", "For a fact that is missing", Verdict::Defer),
                false => ("Held", "For people to approve", Verdict::Hold),
            };
            let said = html!("<p>{}, since {}. <code>{}</code></p>", what, at, id);
            step("hold", title, &said, sign(verdict))
        }
        "hold.approved" => {
            let how = last_approval(change)
                .and_then(|last| Some(format!(", with {}", with_what(last.get("how")?.as_str()?))));
            let said = html!("<p>By <b>{}</b>{}, {}</p>", by, how, at);
            step("allow", "Approved", &said, sign(Verdict::Allow))
        }
        "emergency.opened" => {
            let asked = change.detail.as_ref().and_then(|detail| detail.pointer("/asked/by")?.as_str());
            let asked = asked.map(|id| name_of(parts, &format!("human:{id}")));
            let reason = text("reason").map(|reason| html!("<blockquote>{}</blockquote>", reason));
            let said =
                html!("<p>Opened by <b>{}</b> and <b>{}</b>, {}: no approval was needed.</p>{}", asked, by, at, reason);
            step("trouble", "Emergency", &said, Html::default())
        }
        "hold.denied" => {
            let reason = text("reason").map(|reason| html!("<blockquote>{}</blockquote>", reason));
            let said = html!("<p>By <b>{}</b>, {}. Nothing was executed.</p>{}", by, at, reason);
            step("deny", "Denied", &said, sign(Verdict::Deny))
        }
        "hold.expired" => {
            let what = if for_a_fact { "It was not decided in time" } else { "Nobody said anything in time" };
            let said = html!("<p>{}, {}. Nothing was executed.</p>", what, at);
            step("deny", "Expired", &said, sign(Verdict::Deny))
        }
        "hold.cancelled" => match change.by.as_deref().and_then(|by| by.strip_prefix("call:")) {
            Some(call) => {
                let said = html!("<p>It was asked again, {}: <a href=\"/calls/{}\">how that went</a></p>", at, call);
                step("done", "Decided", &said, Html::default())
            }
            None => step(
                "deny",
                "Taken back",
                &html!("<p>By {}, {}. Nothing was executed.</p>", by, at),
                sign(Verdict::Deny),
            ),
        },
        "hold.claimed" => {
            let carried_out_by = text("carried_out_by").filter(|call| *call != seen_from.as_str())?;
            let said =
                html!("<p>Once, {}, decided again: <a href=\"/calls/{}\">how that went</a></p>", at, carried_out_by);
            step("done", "Carried out", &said, Html::default())
        }
        "hold.ended" if text("carried_out_by").is_none() => {
            ended(text("disposition").as_deref(), text("why"), for_a_fact, &at)?
        }
        _ => return None,
    })
}

/// How it ended, where no other step says so.
fn ended(disposition: Option<&str>, why: Option<String>, for_a_fact: bool, at: &Html) -> Option<Html> {
    let was = if for_a_fact { "decided" } else { "approved" };
    let (kind, said) = match disposition? {
        "execution-error" => ("trouble", format!("It was {was}, and failed")),
        "outcome-unknown" => {
            let said = format!("It was {was} and sent, and nobody knows what came of it: it is never sent again");
            ("trouble", said)
        }
        "denied-not-executed" => ("deny", "It did not run, and nothing was executed".to_owned()),
        _ => return None,
    };
    let why = why.map(|why| html!("<p>{}</p>", capital(&why)));
    Some(step(kind, "Ended", &html!("<p>{}, {}.</p>{}", said, at, why), Html::default()))
}

fn last_approval(change: &ChangeView) -> Option<&Value> {
    change.detail.as_ref()?.get("approvals")?.as_array()?.last()
}

/// The name of a person where it is one, else as it stands.
fn name_of(parts: &Parts, by: &str) -> String {
    let human = by.strip_prefix("human:").and_then(|id| HumanId::parse(id).ok());
    let directory = parts.directory.snapshot();
    let named = human.and_then(|human| Some(directory.humans.get(&human)?.name.clone()));
    named.unwrap_or_else(|| by.to_owned())
}
