//! The page: one file that needs nothing else, on a screen, on a phone and on paper.

use console::html;
use console::html::Html;
use contract::Honoured;
use model::Verdict;

use super::{Afterwards, ClauseEvidence, Counts, Done, Evidence, Example, LimitUse, Proof, Run};

/// The whole document.
pub fn page(evidence: &Evidence) -> String {
    let agreed = &evidence.agreement;
    let sections: Vec<(&'static str, &'static str, Html)> = vec![
        ("glance", "At a glance", glance(evidence)),
        ("agreement", "The agreement", agreement(evidence)),
        ("clauses", "Clause by clause", evidence.clauses.iter().map(|one| clause(evidence, one)).collect()),
        ("limits", "Limits, and how much of them was used", limits(&evidence.limits)),
        ("unjudged", "What nobody could judge", unjudged(evidence)),
        ("rests", "What this rests on", rests(evidence)),
        ("receipts", "Receipts", evidence.receipts.iter().map(receipt).collect()),
    ];
    let contents: Html =
        sections.iter().map(|(id, name, _)| html!("<li><a href=\"#{}\">{}</a></li>", *id, *name)).collect();
    let body: Html = sections
        .iter()
        .map(|(id, name, content)| {
            let annex = if *id == "receipts" { html!(" class=\"annex\"") } else { Html::default() };
            html!(
                "<section aria-labelledby=\"{}\"{}><h2 id=\"{}\">{}</h2>{}</section>",
                *id,
                annex,
                *id,
                *name,
                content
            )
        })
        .collect();
    let title = format!("{} with {}, {}", agreed.name, agreed.theirs, evidence.period);
    let head = html!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Evidence: {}</title><style>",
        title
    );
    let rest = html!(
        "</style></head><body><header><h1>{}</h1>\
         <p class=\"lead\">How this agreement between {} and {} was kept: {} ({}).</p>\
         <p class=\"soft\">Made {} by Countersign {} from its trace.</p>\
         <nav aria-label=\"Contents\"><ol>{}</ol></nav></header><main>{}</main></body></html>\n",
        agreed.name,
        agreed.ours,
        agreed.theirs,
        evidence.period.to_string(),
        evidence.period.zone,
        moment(&evidence.made_at),
        evidence.version,
        contents,
        body
    );
    [head.as_str(), STYLE, rest.as_str()].concat()
}

fn glance(evidence: &Evidence) -> Html {
    let counts = &evidence.counts;
    let tile = |count: u64, what: &'static str| html!("<li><b>{}</b><span>{}</span></li>", grouped(count), what);
    let coverage = evidence.coverage.to_string();
    let unjudged: u64 = evidence.unjudged.iter().map(|one| one.calls).sum();
    html!(
        "<ul class=\"tiles\">{}{}{}{}{}{}{}</ul><p>The agreement is <b>{}</b> when this is made. {}.</p>",
        tile(evidence.calls, "requests"),
        tile(counts.let_through, "let through"),
        tile(counts.taken_out, "of those with something taken out"),
        tile(counts.kept_back, "of those answered with nothing"),
        tile(counts.refused, "refused"),
        tile(counts.held + counts.deferred, "waited"),
        tile(unjudged, "not wholly known"),
        standing(evidence),
        coverage
    )
}

fn standing(evidence: &Evidence) -> &'static str {
    use model::Standing::{Active, Changed, Expired, NotYet, Suspended, Terminated, Unknown, Unsigned};
    match evidence.agreement.standing {
        Active => "in force",
        Unsigned => "not signed by two people",
        Changed => "not what was signed any more",
        NotYet => "signed, and has not begun",
        Expired => "over",
        Suspended => "suspended",
        Terminated => "terminated",
        Unknown => "not known here",
    }
}

fn agreement(evidence: &Evidence) -> Html {
    let agreed = &evidence.agreement;
    let line = |name: &str, value: Html| html!("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
    let texts = |all: &[String]| html!("{}", all.join(", "));
    let mut lines = vec![
        line("Contract", html!("<code>{}</code>", agreed.contract)),
        line("Parties", html!("{} and {} (vendor <code>{}</code>)", agreed.ours, agreed.theirs, agreed.vendor)),
        line("Responsible", html!("{} of {}", agreed.responsible, agreed.ours)),
    ];
    lines.extend(agreed.people.iter().map(|(what, who)| line(what, html!("{}", who))));
    lines.push(line("Systems", texts(&agreed.apps)));
    lines.push(line("Whose data", texts(&agreed.tenants)));
    if !agreed.purposes.is_empty() {
        lines.push(line("What for", texts(&agreed.purposes)));
    }
    lines.push(line("Term", html!("{} until {}, both included ({})", agreed.from, agreed.until, agreed.zone)));
    for paper in &agreed.documents {
        let dated = html!("{}, dated {}<br><code>{}</code>", paper.name, paper.dated, paper.sha256);
        lines.push(line("Document", dated));
    }
    lines.push(line("Digest people sign", html!("<code>{}</code>", agreed.digest)));
    let signed: Html = agreed
        .signatures
        .iter()
        .map(|one| {
            let how = match one.how {
                model::SignedInBy::Password => "with a password",
                model::SignedInBy::Passkey => "with a passkey",
                model::SignedInBy::Oidc => "with the identity provider",
            };
            line("Signed", html!("by {}, signed in {}, {}", one.by, how, moment(&one.at)))
        })
        .collect();
    let unsigned = agreed
        .signatures
        .is_empty()
        .then(|| html!("<p class=\"notice\">Nobody has signed the contract as it stands in its file now.</p>"));
    html!("<dl>{}{}</dl>{}{}", lines.into_iter().collect::<Html>(), signed, unsigned, changes(evidence))
}

fn changes(evidence: &Evidence) -> Html {
    if evidence.changes.is_empty() {
        return html!("<p class=\"soft\">Nothing that was done about it is on record.</p>");
    }
    let row = |done: &Done| {
        html!(
            "<tr><td data-of=\"when\">{}</td><td data-of=\"what\">{}</td><td data-of=\"by\">{}</td>\
             <td data-of=\"about\"><code>{}</code></td><td data-of=\"receipt\">{}</td></tr>",
            moment(&done.at),
            done.what,
            done.by.as_deref().unwrap_or("(erased)"),
            done.about,
            to_receipt(evidence, done.sequence)
        )
    };
    html!(
        "<table><caption>What was done about it, until the end of the period</caption><thead><tr><th scope=\"col\">When</th>\
         <th scope=\"col\">What</th><th scope=\"col\">By</th><th scope=\"col\">About</th><th scope=\"col\">Receipt</th></tr></thead>\
         <tbody>{}</tbody></table>",
        evidence.changes.iter().map(row).collect::<Html>()
    )
}

fn clause(evidence: &Evidence, clause: &ClauseEvidence) -> Html {
    let row = &clause.row;
    let (class, how) = match row.honoured {
        Honoured::Enforced => ("enforced", "enforced at each request".to_owned()),
        Honoured::CheckedAfterwards => ("checked", "checked afterwards".to_owned()),
        Honoured::NeedsHuman => {
            ("person", format!("looked after by a person: {}", row.who.as_deref().unwrap_or("nobody named")))
        }
        Honoured::AsksNothing => ("nothing", "asks nothing of anybody".to_owned()),
    };
    let text = clause.text.as_ref().map(|text| html!("<blockquote>{}</blockquote>", text));
    let says = (clause.text.as_deref() != Some(row.says.as_str())).then(|| html!("<p>{}</p>", row.says));
    let does: Html = clause.does.iter().map(|one| html!("<li>{}</li>", one)).collect();
    let does = (!does.is_empty()).then(|| html!("<ul class=\"does\">{}</ul>", does));
    let note = clause.note.as_ref().map(|note| html!("<p class=\"soft\">{}</p>", note));
    let superseded =
        row.superseded_by.as_ref().map(|by| html!("<p class=\"soft\">Superseded by clause {}.</p>", by.to_string()));
    html!(
        "<article class=\"clause\"><h3>{} <span class=\"how {}\">{}</span><small>{}, {}</small></h3>{}{}{}{}{}{}{}{}</article>",
        row.clause.to_string(),
        class,
        how,
        row.kind,
        row.document,
        text,
        says,
        does,
        note,
        superseded,
        counts(clause),
        clause.afterwards.as_ref().map(|after| afterwards(evidence, after)),
        examples(evidence, clause)
    )
}

fn afterwards(evidence: &Evidence, after: &Afterwards) -> Html {
    let look_at = after.look_at.as_ref().map(|what| html!("<p>A person looks at: {}.</p>", what));
    let found = after.asked.as_ref().zip(after.found.as_ref()).map(|(asked, found)| {
        let (class, said) = if found.against == 0 { ("ran", "kept") } else { ("refused", "not kept") };
        let unknown = (found.unknown > 0)
            .then(|| html!(" Of {} nobody can say: their text is erased or was let go.", grouped(found.unknown)));
        let some: Html = found.some.iter().map(|call| html!("{} ", to_receipt(evidence, call.sequence))).collect();
        html!(
            "<p>{}: <b class=\"{}\">{}</b> in this period. {} of {} requests speak against it.{} {}</p>",
            super::capital(asked),
            class,
            said,
            grouped(found.against),
            grouped(found.looked_at),
            unknown,
            some
        )
    });
    let run = |run: &Run| {
        let said = match (run.held, &run.person) {
            (None, _) => "for a person to say".to_owned(),
            (Some(true), None) => "kept".to_owned(),
            (Some(false), None) => format!("not kept: {} requests", grouped(run.against)),
            (Some(kept), Some(person)) => {
                let note = run.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
                format!("{}, says {person}{note}", if kept { "kept" } else { "not kept" })
            }
        };
        html!(
            "<tr><td data-of=\"checked\">{}</td><td data-of=\"about\">{} to {}</td><td data-of=\"found\">{}</td>\
             <td data-of=\"receipt\">{}</td></tr>",
            moment(&run.at),
            moment(&run.since),
            moment(&run.until),
            said,
            to_receipt(evidence, run.sequence)
        )
    };
    let runs = (!after.runs.is_empty()).then(|| {
        html!(
            "<table><caption>When it was checked in this period</caption><thead><tr><th scope=\"col\">Checked</th>\
             <th scope=\"col\">About</th><th scope=\"col\">Found</th><th scope=\"col\">Receipt</th></tr></thead><tbody>{}</tbody></table>",
            after.runs.iter().map(run).collect::<Html>()
        )
    });
    html!("{}{}{}", look_at, found, runs)
}

fn counts(clause: &ClauseEvidence) -> Html {
    let Counts { let_through, taken_out, kept_back, refused, held, deferred } = clause.counts;
    let answers = clause.row.honoured == Honoured::Enforced || clause.counts.all() > 0;
    if !answers {
        return Html::default();
    }
    html!(
        "<ul class=\"counts\"><li class=\"ran\"><b>{}</b> let through</li><li><b>{}</b> of those with something taken out</li>\
         <li><b>{}</b> of those answered with nothing</li><li class=\"refused\"><b>{}</b> refused</li><li class=\"waited\"><b>{}</b> waited</li></ul>",
        grouped(let_through),
        grouped(taken_out),
        grouped(kept_back),
        grouped(refused),
        grouped(held + deferred)
    )
}

fn examples(evidence: &Evidence, clause: &ClauseEvidence) -> Option<Html> {
    let row = |example: &Example| {
        let class = match example.verdict {
            Verdict::Allow | Verdict::Redact => "ran",
            Verdict::Hold | Verdict::Defer => "waited",
            Verdict::Deny => "refused",
        };
        let asks = example.asks.as_ref().map(|asks| html!("<br><span class=\"soft\">{}</span>", asks));
        html!(
            "<tr><td data-of=\"when\">{}</td><td data-of=\"decided\" class=\"{}\">{}</td><td data-of=\"asked\">{}{}</td>\
             <td data-of=\"why\">{}<br><span class=\"soft\">{}</span></td><td data-of=\"receipt\">{}</td></tr>",
            moment(&example.at),
            class,
            example.verdict.as_str(),
            example.what,
            asks,
            if example.because.is_empty() { "(erased)" } else { example.because.as_str() },
            example.came,
            to_receipt(evidence, example.sequence)
        )
    };
    (!clause.examples.is_empty()).then(|| {
        html!(
            "<table><caption>The first and the last of each kind</caption><thead><tr><th scope=\"col\">When</th>\
             <th scope=\"col\">Decided</th><th scope=\"col\">Asked</th><th scope=\"col\">Why, and what came of it</th>\
             <th scope=\"col\">Receipt</th></tr></thead><tbody>{}</tbody></table>",
            clause.examples.iter().map(row).collect::<Html>()
        )
    })
}

fn limits(limits: &[LimitUse]) -> Html {
    if limits.is_empty() {
        return html!("<p>No clause limits how much.</p>");
    }
    let row = |limit: &LimitUse| {
        let (of, within) = match limit.seconds {
            None => ("records at once", Html::default()),
            Some(seconds) => (limit.of, html!(" in {}", stretch(seconds))),
        };
        let when = match (&limit.from, &limit.until) {
            (Some(from), Some(until)) => html!("{} to {}", moment(from), moment(until)),
            (None, Some(at)) => html!("{}", moment(at)),
            _ => html!("never"),
        };
        html!(
            "<tr><td data-of=\"clause\">{}</td><td data-of=\"allows\">{} {}{}</td><td data-of=\"most used\" class=\"number\">{}</td>\
             <td data-of=\"when\">{}</td><td data-of=\"refused\" class=\"number\">{}</td></tr>",
            limit.clause.to_string(),
            grouped(limit.most),
            of,
            within,
            grouped(limit.used),
            when,
            grouped(limit.refused)
        )
    };
    html!(
        "<table><thead><tr><th scope=\"col\">Clause</th><th scope=\"col\">Allows</th><th scope=\"col\" class=\"number\">Most used</th>\
         <th scope=\"col\">When</th><th scope=\"col\" class=\"number\">Refused</th></tr></thead><tbody>{}</tbody></table>\
         <p class=\"soft\">The most in any stretch of that length, and not in hours or days of a calendar. Of records those count \
         that a request could have brought back at most; of bytes those of the answers that were let out.</p>",
        limits.iter().map(row).collect::<Html>()
    )
}

fn unjudged(evidence: &Evidence) -> Html {
    if evidence.unjudged.is_empty() {
        return html!(
            "<p>Every request of the period was judged by what was known, and what came of each is known.</p>"
        );
    }
    let row = |one: &super::Unjudged| {
        let some: Html = one.some.iter().map(|sequence| html!("{} ", to_receipt(evidence, *sequence))).collect();
        html!(
            "<tr><td data-of=\"why\">{}</td><td data-of=\"requests\" class=\"number\">{}</td><td data-of=\"some of them\">{}</td></tr>",
            one.why,
            grouped(one.calls),
            some
        )
    };
    html!(
        "<table><thead><tr><th scope=\"col\">Why</th><th scope=\"col\" class=\"number\">Requests</th>\
         <th scope=\"col\">Some of them</th></tr></thead><tbody>{}</tbody></table>",
        evidence.unjudged.iter().map(row).collect::<Html>()
    )
}

fn rests(evidence: &Evidence) -> Html {
    let Some(basis) = &evidence.checkpoint else {
        return html!("<p class=\"notice\">Nobody has signed the trace yet: nothing here can be checked.</p>");
    };
    let keys: Html = basis.keys.iter().map(|key| html!("{}\n", key)).collect();
    let unproved = (!evidence.unproved.is_empty()).then(|| {
        let all: Vec<String> = evidence.unproved.iter().map(ToString::to_string).collect();
        html!("<p class=\"notice\">No checkpoint covers these records yet: {}.</p>", all.join(", "))
    });
    html!(
        "<p>Every request has a record that was written before anything was sent. The records stand in one append-only log \
         (<code>{}</code>), a Merkle tree whose root is signed. This is the signed root over its first {} records:</p><pre>{}</pre>\
         <p>It is signed with a key that is known by this line. Take it from the owner of the gateway by another way, and compare:</p>\
         <pre>{}</pre>{}<p>A receipt proves that a record stands in that log exactly as it is. To check all of this page:</p>\
         <pre>countersign trace verify FILE --key KEY</pre>\
         <p class=\"soft\">A record&#39;s leaf names the contract&#39;s clauses, the verdict, the app and the tool in plain words, and people, \
         arguments and sentences as salted digests. The sentences, names and counts of this page are what the owner of the \
         gateway reads out of the same records; whoever doubts a count asks for the trace and counts.</p>",
        basis.origin,
        basis.size,
        basis.note,
        keys,
        unproved
    )
}

fn receipt(proof: &Proof) -> Html {
    html!(
        "<h3 id=\"record-{}\">Record {}</h3><pre class=\"receipt\">{}</pre>",
        proof.sequence,
        proof.sequence,
        proof.text
    )
}

fn to_receipt(evidence: &Evidence, sequence: u64) -> Html {
    let there = evidence.receipts.iter().any(|proof| proof.sequence == sequence);
    if there {
        html!("<a href=\"#record-{}\">record {}</a>", sequence, sequence)
    } else {
        html!("record {}, not signed yet", sequence)
    }
}

fn stretch(seconds: u64) -> &'static str {
    match seconds {
        1 => "any second",
        60 => "any minute",
        3_600 => "any hour",
        _ => "any day",
    }
}

/// A moment to the second.
fn moment(at: &str) -> String {
    let whole = at.split_once('.').map_or(at.trim_end_matches('Z'), |(whole, _)| whole);
    format!("{} UTC", whole.replace('T', " "))
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Of our own, and holds nothing that ends the element it stands in.
const STYLE: &str = include_str!("page.css");
