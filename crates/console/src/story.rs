//! One call from top to bottom: asked, known, decided, sent, observed, proved.

use std::sync::Arc;

use front::{Body, full};
use http::{HeaderValue, Response, StatusCode, header};
use model::{ArgumentLevel, Blame, Fault, Reason};
use serde_json::Value;
use tlog::Hash;
use trace::{
    ChangeView, Effect, Entry, IntentView, OutcomeStatus, OutcomeView, RecordKind, Spelled, members, receipt_of,
    verify_leaf,
};

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, capital, fault, page};
use crate::port::Parts;
use crate::reading;
use crate::table::table;
use crate::words::{
    ERASED, Names, approver, badge, class_source, facts_of, headline, sign, stretch, took, trouble, whole_moment,
};

mod held;

/// What was found out about a record.
enum Proof {
    /// It is as it was written, and stands in the signed log: up to which record that reaches, and by which key's name.
    Signed { upto: u64, origin: String },
    /// It is as it was written, and not signed yet.
    NotYet,
    /// It is not what was written, or its place cannot be proved.
    Wrong(String),
}

struct Told {
    entries: Vec<Entry>,
    before: Vec<Entry>,
    /// What happened while it waited for people.
    held: Vec<ChangeView>,
    proofs: Vec<Proof>,
}

/// The page. `verify`: the button was pressed.
pub(crate) async fn show(
    parts: &Arc<Parts>,
    assets: &Assets,
    visitor: &Visitor,
    id: &str,
    verify: bool,
) -> Response<Body> {
    let told = match told(parts, visitor, id, verify).await {
        Ok(told) if !told.entries.is_empty() => told,
        Ok(_) => return fault(assets, Some(visitor), &no_such(id)),
        Err(error) => return fault(assets, Some(visitor), &error),
    };
    let intent = told.entries.iter().find_map(Entry::intent);
    let change = told.entries.iter().find_map(Entry::change);
    let (title, main) = match (&intent, &change) {
        (Some(intent), _) => call(parts, &told, intent),
        (None, Some(change)) => a_change(parts, &told, change),
        (None, None) => ("A record".to_owned(), proofs(&told, id)),
    };
    page(assets, visitor, Place::Trace, &title, &main)
}

/// The receipt of one record, to be kept and checked anywhere.
pub(crate) async fn receipt(
    parts: &Arc<Parts>,
    visitor: &Visitor,
    id: &str,
    sequence: u64,
) -> Result<Response<Body>, Fault> {
    let (sight, wanted) = (visitor.sight.clone(), id.to_owned());
    let text = reading::ask(parts, move |reader| {
        let entries = reading::story(reader, &wanted, &sight)?;
        let Some(entry) = entries.iter().find(|entry| entry.sequence == sequence) else { return Ok(None) };
        Ok(receipt_of(reader, entry).map_err(Fault::from)?.map(|receipt| receipt.to_string()))
    });
    let text = text.await?.ok_or_else(|| no_such(id))?;
    let mut response = Response::new(full(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"record-{sequence}.receipt\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

async fn told(parts: &Arc<Parts>, visitor: &Visitor, id: &str, verify: bool) -> Result<Told, Fault> {
    let (sight, id, own) = (visitor.sight.clone(), id.to_owned(), Arc::clone(parts));
    reading::ask(parts, move |reader| {
        let entries = reading::story(reader, &id, &sight)?;
        let task = entries.iter().find_map(Entry::intent).and_then(|intent| Some((intent.task?, intent.at)));
        let before = match task {
            Some((task, at)) => reading::before_in_task(reader, &task, at, &sight)?,
            None => Vec::new(),
        };
        let intent = entries.iter().find_map(Entry::intent);
        // A call that was approved is carried out as another one, which it caused.
        let held = match intent {
            Some(intent) => reading::of_hold(reader, &intent)?,
            None => Vec::new(),
        };
        let held = held.iter().filter_map(Entry::change).collect();
        let trust = if verify { (own.trust)() } else { None };
        let mut proofs = Vec::new();
        for entry in entries.iter().filter(|_| verify) {
            let wrong = verify_leaf(entry).err().map(|error| Proof::Wrong(error.to_string()));
            proofs.push(match wrong {
                Some(wrong) => wrong,
                None => signed(receipt_of(reader, entry).map_err(Fault::from)?, entry, trust.as_ref()),
            });
        }
        Ok(Told { entries, before, held, proofs })
    })
    .await
}

fn signed(receipt: Option<tlog::Receipt>, entry: &Entry, trust: Option<&tlog::Trust>) -> Proof {
    let (Some(receipt), Some(trust)) = (receipt, trust) else { return Proof::NotYet };
    match receipt.verify(Hash::of_leaf(entry.leaf.as_bytes()), trust) {
        Ok((checkpoint, _)) => Proof::Signed { upto: checkpoint.tree().size, origin: checkpoint.origin().to_string() },
        Err(error) => Proof::Wrong(error.to_string()),
    }
}

fn call(parts: &Parts, told: &Told, intent: &IntentView) -> (String, Html) {
    let facts = facts_of(intent);
    let names = Names::of(intent, &facts);
    let outcomes: Vec<OutcomeView> =
        told.entries.iter().filter(|entry| entry.kind == RecordKind::Outcome).filter_map(Entry::outcome).collect();
    let first = outcomes.first();
    let because = intent.reasons.first().map(|reason| html!("<p class=\"because\">{}</p>", capital(&reason.sentence)));
    let head = html!(
        "<div class=\"head story-head {}\"><p class=\"crumbs\"><a href=\"/trace\" data-up>Trace</a></p>\
         <h1><span>{}</span><i>/</i>{}</h1><p class=\"verdict-line\">{} <b>{}</b></p>{}\
         <p class=\"by\"><b>{}</b> for <b>{}</b>, {}</p></div>",
        intent.verdict.as_str(),
        names.app,
        intent.tool,
        badge(intent.verdict),
        headline(intent.verdict, first),
        because,
        names.agent,
        names.human,
        whole_moment(intent.at, &parts.zone)
    );
    let waited: Html = told.held.iter().filter_map(|change| held::step_of(parts, change, &intent.call)).collect();
    // What was carried out after an approval was decided again, so the waiting comes first.
    let (waited_before, waited_after) =
        if intent.verdict.runs() { (waited, Html::default()) } else { (Html::default(), waited) };
    let sent = if waited_after.is_empty() { sent(intent, first, &names.app) } else { Html::default() };
    let steps: Html = [
        step("asked", "Asked", &asked(intent), Html::default()),
        waited_before,
        step("known", "Known", &known(intent, &facts), Html::default()),
        step(intent.verdict.as_str(), "Decided", &decided(intent, &facts), sign(intent.verdict)),
        waited_after,
        sent,
        outcomes.iter().map(|outcome| observed(parts, outcome)).collect(),
        step("proved", "On record", &proofs(told, intent.call.as_str()), Html::default()),
    ]
    .into_iter()
    .collect();
    let before = (!told.before.is_empty()).then(|| {
        html!(
            "<section aria-labelledby=\"before\"><h2 id=\"before\">What this task did before</h2>{}</section>",
            table(&told.before, parts.clock.now(), &parts.zone)
        )
    });
    let title = format!("{}/{}", names.app, intent.tool);
    (title, html!("{}<ol class=\"story\">{}</ol>{}", head, steps, before))
}

fn step(kind: &'static str, name: &'static str, content: &Html, mark: Html) -> Html {
    html!(
        "<li class=\"step {}\"><span class=\"dot\" aria-hidden=\"true\">{}</span><div><h2>{}</h2>{}</div></li>",
        kind,
        mark,
        name,
        content
    )
}

fn line(name: &'static str, value: Html) -> Html {
    html!("<div><dt>{}</dt><dd>{}</dd></div>", name, value)
}

fn asked(intent: &IntentView) -> Html {
    let over = intent.wire.as_deref().map(|wire| html!(" <small>over {}</small>", wire));
    let chain = &intent.delegation_chain;
    let delegated = (chain.len() > 1).then(|| {
        let steps: Html =
            chain.iter().map(|one| html!("<li>{} let {} act</li>", one.delegator, one.delegatee)).collect();
        line("Delegated", html!("<ul class=\"plain\">{}</ul>", steps))
    });
    let cause = intent
        .cause
        .as_ref()
        .map(|cause| line("Caused by", html!("<a href=\"/calls/{}\"><code>{}</code></a>", cause, cause)));
    html!(
        "<dl class=\"facts\">{}{}{}{}</dl>{}",
        line("Method", html!("{}{}", intent.method.as_str(), over)),
        line("Task", html!("<code>{}</code>", intent.task.as_deref().unwrap_or(ERASED))),
        delegated,
        cause,
        arguments(intent)
    )
}

fn arguments(intent: &IntentView) -> Html {
    let shown = intent.arguments.as_ref().or(intent.redacted.as_ref()).map(|raw| raw.get());
    let digest = intent.arguments_digest.as_ref();
    match (shown, digest) {
        (Some(raw), _) if is_empty(raw) => html!("<p>Without arguments.</p>"),
        (Some(raw), _) => {
            let only = intent.arguments.is_none().then(|| {
                html!("<p class=\"small\">Of these arguments only their shape is kept, as the app's level says.</p>")
            });
            let digest = digest.map(|digest| html!("<p class=\"small\">Digest <code>{}</code></p>", digest));
            html!(
                "{}{}<details><summary>As they were recorded, byte for byte</summary><pre>{}</pre>{}</details>",
                fields(raw),
                only,
                raw,
                digest
            )
        }
        (None, None) => html!("<p>With arguments {}.</p>", ERASED),
        (None, Some(digest)) if intent.truncated => {
            html!("<p>With arguments that were too long to keep. <code>{}</code></p>", digest)
        }
        (None, Some(digest)) if intent.kept == ArgumentLevel::Digest => {
            html!("<p>With arguments that are not kept. <code>{}</code></p>", digest)
        }
        (None, Some(_)) if intent.kept == ArgumentLevel::None => html!("<p>With arguments that are not shown.</p>"),
        (None, Some(_)) => html!("<p>Without arguments.</p>"),
    }
}

/// Whether these arguments are none.
pub(crate) fn is_empty(raw: &str) -> bool {
    members(raw).is_some_and(|members| members.is_empty())
}

/// The members of a JSON object, one a line, with the digits that are written; anything else as it stands.
pub(crate) fn fields(raw: &str) -> Html {
    let Some(members) = members(raw) else { return html!("<pre>{}</pre>", raw) };
    let one = |value: &Spelled| match value {
        Spelled::Text(text) if text.contains('\n') => html!("<pre>{}</pre>", text),
        Spelled::Text(text) => html!("<span class=\"value\">{}</span>", text),
        Spelled::Nested(text) => html!("<pre>{}</pre>", text),
        Spelled::Plain(text) => html!("<code>{}</code>", text),
    };
    let rows: Html =
        members.iter().map(|(name, value)| html!("<div><dt>{}</dt><dd>{}</dd></div>", name, one(value))).collect();
    html!("<dl class=\"facts arguments\">{}</dl>", rows)
}

fn known(intent: &IntentView, facts: &Value) -> Html {
    if facts.is_null() {
        return html!("<p>{}</p>", ERASED);
    }
    let text = |of: &str, key: &str| facts.get(of)?.get(key)?.as_str().map(str::to_owned);
    let word = |of: &str, key: &str| text(of, key).unwrap_or_else(|| "?".to_owned());
    let flag = |of: &str, key: &str| facts.get(of).and_then(|of| of.get(key)).and_then(Value::as_bool);
    let review = match (word("tool", "status").as_str(), text("tool", "finding")) {
        ("pinned", _) => "; its definition is the one that was reviewed".to_owned(),
        ("quarantined", Some(found)) => format!("; its definition looks like a known attack: {found}"),
        ("quarantined", None) => "; its definition changed after the review".to_owned(),
        ("unknown", Some(why)) => format!("; nobody knew what it does: {why}"),
        ("unknown", None) => "; the app could not be asked what it offers".to_owned(),
        _ => String::new(),
    };
    let mut app = vec![format!("{} risk", word("app", "risk")), format!("{} data", word("app", "data"))];
    app.extend(text("app", "category"));
    if flag("app", "stopped") == Some(true) {
        app.push("stopped".to_owned());
    }
    let mut human: Vec<String> = text("human", "role").into_iter().collect();
    human.extend(text("human", "department").map(|department| format!("in {department}")));
    human.extend(text("human", "seniority"));
    human.extend(text("human", "manager").map(|manager| format!("reports to {manager}")));
    human.push(if flag("human", "active") == Some(false) { "has left" } else { "active" }.to_owned());
    let access = facts.get("access").and_then(Value::as_bool) == Some(true);
    human.push(if access { "has access to the app" } else { "has no access to the app" }.to_owned());
    let service = if flag("agent", "active") == Some(false) { "out of service" } else { "active" };
    let class = html!(
        "<span class=\"class {}\">{}</span> <small>{}{}</small>",
        intent.class.as_str(),
        intent.class.as_str(),
        class_source(intent.class_source),
        review
    );
    let about =
        |name: String, id: String, more: String| html!("<b>{}</b> <code>{}</code> <small>{}</small>", name, id, more);
    let fresh = [("directory", intent.directory_age_us), ("what the app offers", intent.catalog_age_us)]
        .into_iter()
        .filter_map(|(what, age)| Some(format!("{what} {} old", stretch(age?))))
        .collect::<Vec<_>>()
        .join(", ");
    html!(
        "<dl class=\"facts\">{}{}{}{}{}</dl>",
        line("Tool", class),
        line("App", about(word("app", "name"), word("app", "id"), app.join(", "))),
        line("Person", about(word("human", "name"), word("human", "id"), human.join(", "))),
        line(
            "Agent",
            about(
                word("agent", "name"),
                word("agent", "id"),
                format!("answered for by {}, {service}", word("agent", "owner"))
            )
        ),
        (!fresh.is_empty()).then(|| line("As of", html!("<small>{}</small>", fresh)))
    )
}

fn decided(intent: &IntentView, facts: &Value) -> Html {
    let reasons: Html = intent.reasons.iter().map(|one| reason(one, facts)).collect();
    let rules: Html = match intent.reasons.is_empty() {
        true => intent.rules.iter().map(|rule| html!("<p><code>{}</code></p>", rule.as_str())).collect(),
        false => Html::default(),
    };
    let observed = intent.observed.as_ref().map(|observed| {
        let reasons: Html = observed.reasons.iter().map(|one| reason(one, facts)).collect();
        html!(
            "<div class=\"aside\"><p>It would be {} if everything were enforced; this is only observed.</p>{}</div>",
            badge(observed.verdict),
            reasons
        )
    });
    let took = intent.decide_us.map(|took| format!(" in {}", stretch(took)));
    html!(
        "<p>{}{}, under the rules <code title=\"{}\">{}</code></p>{}{}{}",
        badge(intent.verdict),
        took,
        intent.bundle,
        short(&intent.bundle.to_string()),
        reasons,
        rules,
        observed
    )
}

/// The beginning of a digest; the whole of it stands in the record.
fn short(digest: &str) -> String {
    digest.chars().take(DIGEST_SHOWN_CHARS).chain(['…']).collect()
}

/// A reason: its sentence, where it stands, who may lift it, what to do instead.
pub(crate) fn reason(reason: &Reason, facts: &Value) -> Html {
    let place = reason.source.as_deref().unwrap_or("built in");
    let text = reason
        .text
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(|text| html!("<details><summary>The rule as it is written</summary><pre>{}</pre></details>", text));
    let approvers: Vec<String> = reason.approvers.iter().map(|one| approver(facts, one)).collect();
    let approvers =
        (!approvers.is_empty()).then(|| html!("<p class=\"small\">Who may approve: {}</p>", approvers.join(", ")));
    let instead =
        reason.instead.as_deref().map(|instead| html!("<p class=\"small\">Instead: {}</p>", capital(instead)));
    html!(
        "<div class=\"reason\"><p><b>{}</b></p><p class=\"small\"><code>{}</code> {}</p>{}{}{}</div>",
        capital(&reason.sentence),
        reason.rule.as_str(),
        place,
        approvers,
        instead,
        text
    )
}

fn sent(intent: &IntentView, first: Option<&OutcomeView>, app: &str) -> Html {
    if !intent.verdict.runs() {
        return step("not", "Sent", &html!("<p>No: nothing left the gateway.</p>"), Html::default());
    }
    let (kind, said) = match first.map(|outcome| (outcome.status, outcome.effect)) {
        Some((_, Effect::NotExecuted)) => ("not", html!("<p>No: it failed before anything left the gateway.</p>")),
        Some((_, Effect::Executed) | (OutcomeStatus::ProtocolError | OutcomeStatus::Unfinished, _)) => {
            ("done", html!("<p>Once, to {}.</p>", app))
        }
        Some((_, Effect::Unknown)) => ("trouble", html!("<p>Perhaps: look at {} before you repeat it.</p>", app)),
        None => ("open", html!("<p>Not known yet.</p>")),
    };
    step(kind, "Sent", &said, Html::default())
}

fn observed(parts: &Parts, outcome: &OutcomeView) -> Html {
    let how = trouble(outcome);
    let kind = if how.is_some() { "trouble" } else { "done" };
    let effect = match outcome.effect {
        Effect::Executed => "the tool ran",
        Effect::NotExecuted => "the tool did not run",
        Effect::Unknown => "nobody can say whether the tool ran",
    };
    let secrets = match outcome.scrubbed {
        0 => "no secret had to be taken out".to_owned(),
        1 => "1 echo of a secret taken out".to_owned(),
        many => format!("{many} echoes of secrets taken out"),
    };
    let hidden = outcome.hidden.map(|places| match places {
        0 => line("Hidden", html!("rules had nothing to hide in it")),
        1 => line("Hidden", html!("1 place, by a rule")),
        many => line("Hidden", html!("{} places, by rules", many)),
    });
    let with = match (&outcome.credential, outcome.with_credential) {
        (Some(credential), _) => Some(line("Credential", html!("<code>{}</code>", credential))),
        (None, true) => Some(line("Credential", html!("{}", ERASED))),
        (None, false) => None,
    };
    let exchange: Vec<String> = [
        outcome.wire.as_deref().map(|wire| format!("over {wire}")),
        outcome.http_status.map(|status| format!("HTTP {status}")),
        outcome.rpc_code.map(|code| format!("error {code}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let digest =
        outcome.answer_digest.as_ref().map(|digest| line("Answer", html!("<code class=\"digest\">{}</code>", digest)));
    let content = html!(
        "<p><b>{}</b>: {} <small>{}</small></p><dl class=\"facts\">{}{}{}{}{}</dl>",
        capital(&how.unwrap_or_else(|| outcome.status.as_str().to_owned())),
        effect,
        whole_moment(outcome.at, &parts.zone),
        line("Took", html!("{}, {} bytes, {}", took(outcome.took_us), outcome.answer_bytes, secrets)),
        (!exchange.is_empty()).then(|| line("Spoken", html!("{}", exchange.join(", ")))),
        with,
        hidden,
        digest
    );
    step(kind, "Observed", &content, Html::default())
}

/// The records, whether they are what was written, and how to check that anywhere.
fn proofs(told: &Told, id: &str) -> Html {
    let rows: Html = told
        .entries
        .iter()
        .enumerate()
        .map(|(place, entry)| {
            let proof = match told.proofs.get(place) {
                None => Html::default(),
                Some(Proof::Signed { upto, origin }) => html!(
                    "<span class=\"proof good\">as it was written, and signed by {} up to record {}</span>",
                    origin,
                    upto
                ),
                Some(Proof::NotYet) => {
                    html!("<span class=\"proof\">as it was written; not signed yet, which takes half a second</span>")
                }
                Some(Proof::Wrong(why)) => html!("<span class=\"proof bad\">{}</span>", capital(why)),
            };
            let erased = entry.body.is_none().then(|| html!(" <small>its text is erased</small>"));
            html!(
                "<li><span>#{} {}</span> <a href=\"/calls/{}/receipts/{}\" download>receipt</a>{}{}</li>",
                entry.sequence,
                entry.kind.as_str(),
                id,
                entry.sequence,
                erased,
                proof
            )
        })
        .collect();
    let raw: Html = told
        .entries
        .iter()
        .map(|entry| html!("<pre>{}</pre>", serde_json::to_string_pretty(&entry.to_json()).unwrap_or_default()))
        .collect();
    html!(
        "<ul class=\"records\" id=\"records\">{}</ul>\
         <p class=\"do\"><a class=\"button\" href=\"/calls/{}?verify=1#records\">Verify</a> \
         <span class=\"small\">or anywhere, with the receipt and the public key: \
         <code>countersign trace verify record.receipt --key KEY</code></span></p>\
         <p class=\"small\">Id <code>{}</code></p><details><summary>Everything that is on record</summary>{}</details>",
        rows,
        id,
        id,
        raw
    )
}

fn a_change(parts: &Parts, told: &Told, change: &ChangeView) -> (String, Html) {
    let detail = change.detail.as_ref().filter(|detail| !detail.is_null());
    let detail = detail.map(|detail| step("known", "With", &fields(&detail.to_string()), Html::default()));
    let main = html!(
        "<div class=\"head story-head\"><p class=\"crumbs\"><a href=\"/trace\" data-up>Trace</a></p><h1>{}</h1>\
         <p class=\"by\"><b>{}</b>, {}</p></div><ol class=\"story\">{}{}{}</ol>",
        change.what,
        change.by.as_deref().unwrap_or(ERASED),
        whole_moment(change.at, &parts.zone),
        step(
            "asked",
            "Whom it concerns",
            &html!("<p>{}</p>", change.subject.as_deref().unwrap_or(ERASED)),
            Html::default()
        ),
        detail,
        step("proved", "On record", &proofs(told, change.id.as_str()), Html::default())
    );
    (change.what.clone(), main)
}

fn no_such(id: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.unknown_path", format!("the trace has no call or change `{id}` that you may see"))
        .hint("who reads everything is said under `console: readers:` of the configuration")
}

/// As many characters as tell digests apart by eye.
const DIGEST_SHOWN_CHARS: usize = 19;
