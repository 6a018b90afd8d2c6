//! Records as rows: a table on a desk, cards on a phone.

use jiff::tz::TimeZone;
use model::UnixMicros;
use trace::{Entry, OutcomeView, RecordKind};

use crate::html::{Html, html};
use crate::page::capital;
use crate::words::{ERASED, Names, badge, facts_of, headline, moment, took, trouble};

/// A table of records.
pub(crate) fn table(entries: &[Entry], now: UnixMicros, zone: &TimeZone) -> Html {
    let rows: Html = entries.iter().map(|entry| row(entry, now, zone)).collect();
    html!(
        "<table class=\"rows\"><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Verdict</th><th scope=\"col\">Who</th>\
         <th scope=\"col\">What</th><th scope=\"col\">Why, and what came of it</th><th scope=\"col\" class=\"number\">Took</th></tr></thead>\
         <tbody id=\"rows\">{}</tbody></table>",
        rows
    )
}

/// One record as a row.
pub(crate) fn row(entry: &Entry, now: UnixMicros, zone: &TimeZone) -> Html {
    match entry.kind {
        RecordKind::Intent => call(entry, now, zone),
        RecordKind::Change => change(entry, now, zone),
        RecordKind::Outcome => outcome(entry, now, zone),
    }
    .unwrap_or_else(|| html!("<tr><td colspan=\"6\">Record {} cannot be read</td></tr>", entry.sequence))
}

fn call(entry: &Entry, now: UnixMicros, zone: &TimeZone) -> Option<Html> {
    let intent = entry.intent()?;
    let facts = facts_of(&intent);
    let names = Names::of(&intent, &facts);
    let outcome = entry.outcome();
    let observed = intent
        .observed
        .as_ref()
        .map(|observed| html!(" <span class=\"observed\">would be {}</span>", observed.verdict.as_str()));
    Some(html!(
        "<tr id=\"{}\" data-seq=\"{}\"><td class=\"when\">{}</td><td class=\"verdict\">{}{}</td>\
         <td class=\"who\"><b>{}</b> <span>for {}</span></td>\
         <td class=\"what\"><a href=\"/calls/{}\">{}<i>/</i>{}</a></td>\
         <td class=\"why\">{}</td><td class=\"number took\">{}</td></tr>",
        intent.call,
        entry.sequence,
        moment(entry.at, now, zone),
        badge(intent.verdict),
        observed,
        names.agent,
        names.human,
        intent.call,
        names.app,
        breakable(&intent.tool),
        why(intent.verdict.runs(), intent.because(), outcome.as_ref(), intent.verdict),
        outcome.as_ref().map(|outcome| took(outcome.took_us))
    ))
}

/// A name that may be broken where its words end.
pub(crate) fn breakable(name: &str) -> Html {
    let ends = |c: char| matches!(c, '_' | '/' | '.' | '-');
    name.split_inclusive(ends).map(|word| html!("{}<wbr>", word)).collect()
}

/// Where nothing ran, why not; where something did, how it ended, and why it might where that is plain success.
fn why(runs: bool, because: &str, outcome: Option<&OutcomeView>, verdict: model::Verdict) -> Html {
    match (runs, outcome) {
        (false, None) => html!("{}", capital(because)),
        (_, Some(ended)) => match trouble(ended) {
            Some(trouble) => html!("<span class=\"bad\">{}</span>", capital(&trouble)),
            None => html!("<span class=\"quiet\">{}</span>", capital(because)),
        },
        (true, None) => html!("<span class=\"quiet pending\">{}</span>", headline(verdict, None)),
    }
}

fn change(entry: &Entry, now: UnixMicros, zone: &TimeZone) -> Option<Html> {
    let change = entry.change()?;
    Some(html!(
        "<tr id=\"{}\" data-seq=\"{}\"><td class=\"when\">{}</td><td class=\"verdict\"><span class=\"badge change\">change</span></td>\
         <td class=\"who\"><b>{}</b></td><td class=\"what\"><a href=\"/calls/{}\">{}</a></td>\
         <td class=\"why\"><span class=\"quiet\">{}</span></td><td class=\"number took\"></td></tr>",
        change.id,
        entry.sequence,
        moment(entry.at, now, zone),
        change.by.as_deref().unwrap_or(ERASED),
        change.id,
        change.what,
        change.subject.as_deref().unwrap_or(ERASED)
    ))
}

fn outcome(entry: &Entry, now: UnixMicros, zone: &TimeZone) -> Option<Html> {
    let outcome = entry.outcome()?;
    Some(html!(
        "<tr data-seq=\"{}\"><td class=\"when\">{}</td><td class=\"verdict\"><span class=\"badge change\">outcome</span></td>\
         <td class=\"who\"></td><td class=\"what\"><a href=\"/calls/{}\">{}</a></td>\
         <td class=\"why\">{}</td><td class=\"number took\">{}</td></tr>",
        entry.sequence,
        moment(entry.at, now, zone),
        outcome.call,
        outcome.call,
        trouble(&outcome).unwrap_or_else(|| outcome.status.as_str().to_owned()),
        took(outcome.took_us)
    ))
}
