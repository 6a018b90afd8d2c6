//! Contracts with vendors: how they stand, what each clause does, how much of a limit is used, and what answered lately.

use std::sync::Arc;

use front::Body;
use http::Response;
use jiff::tz::TimeZone;
use model::limits::CONSOLE_PAGE;
use model::{AppId, Blame, Digest, Fault, HumanId, Standing, UnixMicros};
use trace::{Entry, Field, LogReader, Page, Query, RecordKind};

use crate::assets::Assets;
use crate::html::{Html, html};
use crate::page::{Place, Visitor, capital, fault, notice, page};
use crate::port::Parts;
use crate::reading;
use crate::table::breakable;
use crate::words::{badge, moment, trouble, whole_moment};

/// Contracts, as pages show them.
pub trait Contracts: Send + Sync {
    /// Whether there are any.
    fn any(&self) -> bool;

    /// All of them, in the order of their ids. Error: what is kept of them cannot be read.
    fn all(&self, log: &dyn LogReader) -> Result<Vec<ContractView>, Fault>;
}

/// A contract, as a page shows it.
#[derive(Debug, Clone)]
pub struct ContractView {
    /// Its id.
    pub id: String,
    /// What the document is called.
    pub name: String,
    /// The vendor, by name.
    pub party: String,
    /// The person of ours who answers for it.
    pub responsible: HumanId,
    /// The systems it is about.
    pub apps: Vec<AppId>,
    /// Whether it is in force.
    pub standing: Standing,
    /// The first day.
    pub from: String,
    /// The last day.
    pub until: String,
    /// Days until its end.
    pub days_left: i64,
    /// Whether people were told that it ends.
    pub ends_soon: bool,
    /// The digest that people sign.
    pub digest: Digest,
    /// Who signed it as it is: by whom, with what, when.
    pub signed: Vec<(String, &'static str, UnixMicros)>,
    /// How many have to sign it still.
    pub missing: usize,
    /// How many clauses are honoured how, in words.
    pub coverage: String,
    /// What the vendor may do today, a sentence each.
    pub sentences: Vec<String>,
    /// Every clause.
    pub clauses: Vec<ClauseView>,
    /// How much of each limit is used right now.
    pub limits: Vec<LimitView>,
    /// What is checked afterwards.
    pub audits: Vec<AuditView>,
    /// The ids of the rules that it is, by which its calls are found.
    pub rules: Vec<String>,
}

/// A clause.
#[derive(Debug, Clone)]
pub struct ClauseView {
    /// Its number.
    pub number: String,
    /// What kind it is: `permits`, `limits`, …
    pub kind: &'static str,
    /// How it is honoured, in words.
    pub honoured: String,
    /// What it comes to.
    pub says: String,
    /// The clause that stands in for it.
    pub superseded_by: Option<String>,
}

/// A limit.
#[derive(Debug, Clone)]
pub struct LimitView {
    /// The clause.
    pub clause: String,
    /// Of what, and in which stretch of time: `requests in an hour`.
    pub of: String,
    /// How much.
    pub most: u64,
    /// How much is used.
    pub used: u64,
}

/// A clause that is checked afterwards.
#[derive(Debug, Clone)]
pub struct AuditView {
    /// Its number.
    pub clause: String,
    /// What is asked, or looked at.
    pub asks: String,
    /// Until when it was looked at; none: never.
    pub until: Option<UnixMicros>,
    /// Whether it was kept then; none where a person has to say.
    pub held: Option<bool>,
    /// Calls that spoke against it.
    pub against: u64,
}

/// The list.
pub(crate) async fn list(parts: &Arc<Parts>, assets: &Assets, visitor: &Visitor) -> Response<Body> {
    let seen = match seen(parts, visitor).await {
        Ok(seen) => seen,
        Err(error) => return fault(assets, Some(visitor), &error),
    };
    let cards: Html = seen.iter().map(card).collect();
    let body = if seen.is_empty() {
        html!(
            "<div class=\"empty\"><h2>No contract concerns you</h2><p>Those who answer for a contract, who own one of its apps \
             and who may see everything find it here. <code>contracts:</code> in the configuration names their files.</p></div>"
        )
    } else {
        html!("<ul class=\"holds\">{}</ul>", cards)
    };
    let main = html!(
        "<div class=\"head\"><h1>Contracts</h1><p>What each vendor may do, by whose signature, and how it was kept.</p></div>{}",
        body
    );
    page(assets, visitor, Place::Contracts, "Contracts", &main)
}

/// One of them.
pub(crate) async fn one(parts: &Arc<Parts>, assets: &Assets, visitor: &Visitor, id: &str) -> Response<Body> {
    let found = seen(parts, visitor).await.map(|all| all.into_iter().find(|contract| contract.id == id));
    let contract = match found {
        Ok(Some(contract)) => contract,
        Ok(None) => {
            let said = format!("there is no contract `{id}` that concerns you");
            return fault(assets, Some(visitor), &Fault::new(Blame::Caller, "caller.unknown_contract", said));
        }
        Err(error) => return fault(assets, Some(visitor), &error),
    };
    let query = Query { limit: CONSOLE_PAGE, ..Query::default() };
    let query = query.of_kind(RecordKind::Intent).with_any(Field::Rule, contract.rules.iter().cloned());
    let questions = visitor.sight.narrowed(&query);
    let lately = reading::ask(parts, move |reader| Page::of(&questions, reader)).await;
    let lately = match lately {
        Ok(found) => answered(&found.records, parts.clock.now(), &parts.zone),
        Err(error) => notice(&error),
    };
    let main = html!(
        "{}{}{}{}{}{}{}",
        head(&contract),
        says(&contract),
        limits(&contract.limits),
        audits(&contract, &parts.zone),
        html!("<section aria-labelledby=\"lately\"><h2 id=\"lately\">What it answered lately</h2>{}</section>", lately),
        signatures(&contract, &parts.zone),
        clauses(&contract)
    );
    page(assets, visitor, Place::Contracts, &contract.name, &main)
}

/// What this person may see: readers everything, and each who answers for one or owns one of its apps.
async fn seen(parts: &Arc<Parts>, visitor: &Visitor) -> Result<Vec<ContractView>, Fault> {
    let Some(contracts) = parts.contracts.clone() else { return Ok(Vec::new()) };
    let sight = visitor.sight.clone();
    let all = reading::ask(parts, move |reader| contracts.all(reader));
    let mut all = all.await?;
    all.retain(|contract| sight.concerns(&contract.responsible, &contract.apps));
    Ok(all)
}

fn card(contract: &ContractView) -> Html {
    let broken: Vec<&str> =
        contract.audits.iter().filter(|audit| audit.held == Some(false)).map(|audit| audit.clause.as_str()).collect();
    let broken = (!broken.is_empty())
        .then(|| html!("<p class=\"bad\">Not kept when it was looked at last: clause {}.</p>", broken.join(", ")));
    html!(
        "<li class=\"hold\"><a href=\"/contracts/{}\"><b>{}</b></a> {}<p><b>{}</b>, {} answers for it</p>\
         <p class=\"quiet\">{}.</p><p class=\"left\">{}</p>{}</li>",
        contract.id,
        contract.name,
        standing(contract.standing),
        contract.party,
        contract.responsible,
        capital(&contract.coverage),
        term(contract),
        broken
    )
}

fn head(contract: &ContractView) -> Html {
    let soon = contract.ends_soon.then(|| html!("<p class=\"because\">It ends in {}.</p>", days(contract.days_left)));
    html!(
        "<div class=\"head story-head\"><p class=\"crumbs\"><a href=\"/contracts\" data-up>Contracts</a></p><h1>{}</h1>\
         <p class=\"verdict-line\">{} <b>{}</b></p>{}<p class=\"by\">With <b>{}</b>, {} until {}. <b>{}</b> answers for it.</p></div>",
        contract.name,
        standing(contract.standing),
        stands(contract),
        soon,
        contract.party,
        contract.from,
        contract.until,
        contract.responsible
    )
}

fn stands(contract: &ContractView) -> String {
    match contract.standing {
        Standing::Active => "Two people signed exactly this".to_owned(),
        Standing::Unsigned => match contract.missing {
            1 => "It admits nothing: one person more has to sign it".to_owned(),
            _ => "It admits nothing: two people have to sign it".to_owned(),
        },
        Standing::Changed => "It admits nothing: it is not what was signed any more".to_owned(),
        Standing::NotYet => format!("It admits nothing before {}", contract.from),
        Standing::Expired => format!("It admits nothing since {}", contract.until),
        Standing::Suspended => "It admits nothing until it is resumed".to_owned(),
        Standing::Terminated => "It admits nothing any more".to_owned(),
        Standing::Unknown => "Nobody knows it here".to_owned(),
    }
}

fn says(contract: &ContractView) -> Html {
    let sentences: Html = contract.sentences.iter().map(|one| html!("<li>{}</li>", ticked(one.trim()))).collect();
    html!(
        "<section class=\"card\" aria-labelledby=\"today\"><h2 id=\"today\">Today</h2><ul class=\"plain\">{}</ul></section>",
        sentences
    )
}

fn limits(limits: &[LimitView]) -> Option<Html> {
    let one = |limit: &LimitView| {
        html!(
            "<li><div><b>{}</b><span>of {} {}</span>\
             <meter min=\"0\" max=\"{}\" high=\"{}\" value=\"{}\" aria-label=\"clause {}: {} of {} {}\"></meter>\
             <span>clause {}</span></div></li>",
            limit.used,
            limit.most,
            limit.of,
            limit.most,
            limit.most.saturating_mul(4) / 5,
            limit.used.min(limit.most),
            limit.clause,
            limit.used,
            limit.most,
            limit.of,
            limit.clause
        )
    };
    (!limits.is_empty()).then(|| {
        html!(
            "<section aria-labelledby=\"limits\"><h2 id=\"limits\">Used of its limits, now</h2><ul class=\"tiles limits\">{}</ul></section>",
            limits.iter().map(one).collect::<Html>()
        )
    })
}

fn audits(contract: &ContractView, zone: &TimeZone) -> Option<Html> {
    let one = |audit: &AuditView| {
        let found = match (audit.until, audit.held) {
            (None, _) => html!("<span class=\"quiet\">Not looked at yet</span>"),
            (Some(_), Some(true)) => html!("<span class=\"good\">Kept</span>"),
            (Some(_), Some(false)) => {
                html!("<span class=\"bad\">Not kept: {} calls speak against it</span>", audit.against)
            }
            (Some(_), None) => html!("<b>For a person to look at</b>"),
        };
        let until = audit.until.map(|until| html!(", looked at until {}", whole_moment(until, zone)));
        let waits = audit.until.is_some() && audit.held.is_none();
        let say = waits.then(|| {
            let command = format!("countersign contract audit {} --done {}", contract.id, audit.clause);
            html!(
                "<br>Whoever has looked says so where it was kept: <code>{}</code><br>or was not: <code>{} --not-kept</code>",
                command,
                command
            )
        });
        html!(
            "<div><dt>Clause {}</dt><dd>{}{}<br><span class=\"quiet\">{}</span>{}</dd></div>",
            audit.clause,
            found,
            until,
            capital(&audit.asks),
            say
        )
    };
    let audits = &contract.audits;
    (!audits.is_empty()).then(|| {
        html!(
            "<section class=\"card\" aria-labelledby=\"audits\"><h2 id=\"audits\">Checked afterwards</h2><dl class=\"facts\">{}</dl></section>",
            audits.iter().map(one).collect::<Html>()
        )
    })
}

fn signatures(contract: &ContractView, zone: &TimeZone) -> Html {
    let signed: Html = contract
        .signed
        .iter()
        .map(|(by, how, at)| html!("<div><dt>{}</dt><dd>with {}, {}</dd></div>", by, *how, whole_moment(*at, zone)))
        .collect();
    let missing = (contract.missing > 0).then(|| {
        html!("<p>Whoever signs looks at it first: <code>countersign contract sign {}</code></p>", contract.id)
    });
    html!(
        "<section class=\"card\" aria-labelledby=\"signed\"><h2 id=\"signed\">Signed</h2><dl class=\"facts\">{}\
         <div><dt>Digest</dt><dd><code>{}</code></dd></div></dl>{}</section>",
        signed,
        contract.digest,
        missing
    )
}

fn clauses(contract: &ContractView) -> Html {
    let row = |clause: &ClauseView| {
        let superseded =
            clause.superseded_by.as_ref().map(|by| html!(" <span class=\"quiet\">(superseded by {})</span>", by));
        html!(
            "<tr><td class=\"when\">{}</td><td class=\"who\"><b>{}</b> <span>{}</span></td><td class=\"why\">{}{}</td></tr>",
            clause.number,
            capital(&clause.honoured),
            clause.kind,
            ticked(&clause.says),
            superseded
        )
    };
    html!(
        "<section aria-labelledby=\"register\"><h2 id=\"register\">Every clause</h2><p class=\"quiet\">{}.</p>\
         <table class=\"rows register\"><thead><tr><th scope=\"col\">Clause</th><th scope=\"col\">Honoured</th>\
         <th scope=\"col\">Says</th></tr></thead><tbody>{}</tbody></table></section>",
        capital(&contract.coverage),
        contract.clauses.iter().map(row).collect::<Html>()
    )
}

/// Calls with the clause that answered each.
fn answered(entries: &[Entry], now: UnixMicros, zone: &TimeZone) -> Html {
    if entries.is_empty() {
        return html!(
            "<div class=\"empty\"><h2>Nothing was asked yet</h2><p>The vendor&#39;s requests appear here.</p></div>"
        );
    }
    let row = |entry: &Entry| -> Option<Html> {
        let intent = entry.intent()?;
        let clause = intent.clause.as_ref().map_or_else(|| "none".to_owned(), |clause| clause.number.to_string());
        let came = entry.outcome().and_then(|outcome| trouble(&outcome));
        let came = came.map(|came| html!("<br><span class=\"bad\">{}</span>", capital(&came)));
        Some(html!(
            "<tr><td class=\"when\">{}</td><td class=\"verdict\">{}</td><td class=\"clause\">Clause {}</td>\
             <td class=\"what\"><a href=\"/calls/{}\">{}<i>/</i>{}</a></td><td class=\"why\">{}{}</td></tr>",
            moment(entry.at, now, zone),
            badge(intent.verdict),
            clause,
            intent.call,
            intent.app,
            breakable(&intent.tool),
            ticked(&capital(intent.because())),
            came
        ))
    };
    html!(
        "<table class=\"rows answers\"><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Verdict</th><th scope=\"col\">By</th>\
         <th scope=\"col\">What</th><th scope=\"col\">Why</th></tr></thead><tbody id=\"rows\">{}</tbody></table>",
        entries.iter().take(LATELY).filter_map(row).collect::<Html>()
    )
}

/// What stands between backticks is a name.
fn ticked(text: &str) -> Html {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(place, piece)| match place % 2 {
            0 => html!("{}", piece),
            _ => html!("<code>{}</code>", piece),
        })
        .collect()
}

/// The standing, with the tone of what it means for the next call.
fn standing(standing: Standing) -> Html {
    let (tone, said) = match standing {
        Standing::Active => ("allow", "in force"),
        Standing::Unsigned => ("hold", "not signed"),
        Standing::Changed => ("hold", "changed"),
        Standing::NotYet => ("hold", "not yet"),
        Standing::Expired => ("deny", "over"),
        Standing::Suspended => ("deny", "suspended"),
        Standing::Terminated => ("deny", "terminated"),
        Standing::Unknown => ("deny", "unknown"),
    };
    html!("<span class=\"badge standing {}\">{}</span>", tone, said)
}

fn term(contract: &ContractView) -> String {
    if contract.standing == Standing::Active && contract.ends_soon {
        return format!("ends in {}", days(contract.days_left));
    }
    format!("until {}", contract.until)
}

fn days(days: i64) -> String {
    if days == 1 { "a day".to_owned() } else { format!("{days} days") }
}

/// Calls that are shown.
const LATELY: usize = 30;
