//! What is told: of records of holds, those that somebody should look at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{UnixMicros, spelled_out};
use serde_json::{Value, json};
use trace::ChangeView;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in a word for programs: `hold.opened`, `hold.escalated`, `hold.expired`, …
    pub event: String,
    /// One line.
    pub title: String,
    /// More lines.
    pub lines: Vec<String>,
    /// The page where a person decides.
    pub link: String,
    /// The holds it is about.
    pub holds: Vec<String>,
    /// The numbers of the records that it tells of.
    pub records: Vec<u64>,
}

/// What is worth a message now in these changes, each with the number of its record, in their order. `pages` is the address of
/// the console. Whoever is far behind hears what still waits, and not behind all whose time is over or that was decided meanwhile, as
/// far as these changes say it.
pub fn notices(changes: impl Iterator<Item = (u64, ChangeView)>, pages: &str, now: UnixMicros) -> Vec<Notice> {
    let changes: Vec<(u64, ChangeView)> = changes.collect();
    let decided = decided(&changes);
    let mut notices = Vec::new();
    let mut opened: BTreeMap<(String, String), Vec<(u64, Value)>> = BTreeMap::new();
    for (record, change) in changes {
        // Of a person who was erased nothing is told any more.
        let Some(detail) = change.detail else { continue };
        let asks = ASKS.contains(&change.what.as_str());
        if asks && (is_over(&detail, now) || decided.contains(&text(&detail, "hold"))) {
            continue;
        }
        if change.what == "hold.opened" {
            if text(&detail, "waits_for") != "fact" {
                opened.entry((text(&detail, "agent"), text(&detail, "app"))).or_default().push((record, detail));
            }
        } else if let Some(notice) = of_change(&change.what, &detail, pages) {
            notices.push(Notice { records: vec![record], ..notice });
        }
    }
    notices.extend(opened.into_values().map(|opened| {
        let (records, holds): (Vec<u64>, Vec<Value>) = opened.into_iter().unzip();
        Notice { records, ..of_opened(&holds, pages) }
    }));
    notices.sort_by_key(|notice| notice.records.first().copied());
    notices
}

/// The holds of which the last of these changes says that they wait for nobody any more.
fn decided(changes: &[(u64, ChangeView)]) -> BTreeSet<String> {
    let mut decided = BTreeSet::new();
    let of_holds = changes.iter().filter(|(_, change)| change.what.starts_with("hold."));
    for detail in of_holds.filter_map(|(_, change)| change.detail.as_ref()) {
        match text(detail, "state").as_str() {
            "" => {}
            WAITS => drop(decided.remove(&text(detail, "hold"))),
            _ => drop(decided.insert(text(detail, "hold"))),
        }
    }
    decided
}

/// What one change is worth.
fn of_change(what: &str, detail: &Value, pages: &str) -> Option<Notice> {
    match what {
        "hold.escalated" => {
            let title = format!("Still waits for approval: {}", call(detail));
            let lines = vec![format!("Now also: {}.", list(detail, "to")), until(detail)];
            Some(one(what, title, lines, detail, pages))
        }
        // That it was not kept before has been told.
        "contract.audit" if detail.get("calls").and_then(Value::as_array).is_some_and(Vec::is_empty) => None,
        "contract.audit" if detail.get("held") == Some(&Value::Bool(false)) => {
            let title = format!("Clause {} of {} was not kept", text(detail, "clause"), agreement(detail));
            let by_person = !text(detail, "person").is_empty();
            let against = detail.get("against").and_then(Value::as_u64).unwrap_or_default();
            let calls = if against == 1 { "One call speaks" } else { "Calls speak" };
            let lines = vec![if by_person {
                format!("A person looked at it: {}.", text(detail, "look_at"))
            } else {
                format!("{calls} against it ({against}); asked was: {}.", text(detail, "asked"))
            }];
            Some(of_contract(what, title, lines, detail, pages))
        }
        "contract.audit" if !text(detail, "look_at").is_empty() && detail.get("held").is_none() => {
            let title = format!("Clause {} of {} is to be looked at", text(detail, "clause"), agreement(detail));
            let lines = vec![format!("A person looks at: {}.", text(detail, "look_at"))];
            Some(of_contract(what, title, lines, detail, pages))
        }
        "contract.notice" => {
            let days = detail.get("days_left").and_then(Value::as_i64).unwrap_or_default();
            let days = if days == 1 { "a day".to_owned() } else { format!("{days} days") };
            let title = format!("{} ends in {days}", agreement(detail));
            let (until, who) = (text(detail, "until"), text(detail, "responsible"));
            let lines = vec![format!("It admits nothing after {until}. {who} answers for it.")];
            Some(of_contract(what, title, lines, detail, pages))
        }
        _ if what.starts_with("emergency.") => {
            let title = format!("Emergency: {}", text(detail, "said"));
            let lines = Some(text(detail, "more")).filter(|more| !more.is_empty()).into_iter().collect();
            let link = format!("{pages}/emergency");
            Some(Notice { event: what.to_owned(), title, lines, link, holds: Vec::new(), records: Vec::new() })
        }
        _ => None,
    }
}

fn of_opened(holds: &[Value], pages: &str) -> Notice {
    let Some((first, more)) = holds.split_first() else { return Notice::none(pages) };
    if more.is_empty() {
        let lines = vec![format!("Held by {}.", list(first, "rules")), until(first)];
        return one("hold.opened", format!("Waits for approval: {}", call(first)), lines, first, pages);
    }
    let tools: BTreeSet<String> = holds.iter().map(|hold| text(hold, "tool")).collect();
    Notice {
        event: "hold.opened".to_owned(),
        title: format!("{} calls of {} wait for approval in {}", holds.len(), text(first, "agent"), text(first, "app")),
        lines: vec![format!("Tools: {}.", some(tools.into_iter()))],
        link: format!("{pages}/holds"),
        holds: holds.iter().map(|hold| text(hold, "hold")).collect(),
        records: Vec::new(),
    }
}

fn one(event: &str, title: String, lines: Vec<String>, detail: &Value, pages: &str) -> Notice {
    let hold = text(detail, "hold");
    let link = format!("{pages}/holds/{hold}");
    let lines = lines.into_iter().filter(|line| !line.is_empty()).collect();
    Notice { event: event.to_owned(), title, lines, link, holds: vec![hold], records: Vec::new() }
}

fn of_contract(event: &str, title: String, lines: Vec<String>, detail: &Value, pages: &str) -> Notice {
    let link = format!("{pages}/contracts/{}", text(detail, "contract"));
    Notice { event: event.to_owned(), title, lines, link, holds: Vec::new(), records: Vec::new() }
}

/// `“Screening Agreement” with Acme`.
fn agreement(detail: &Value) -> String {
    format!("“{}” with {}", text(detail, "name"), text(detail, "party"))
}

fn call(detail: &Value) -> String {
    format!("{} asks to use {} of {}", text(detail, "agent"), text(detail, "tool"), text(detail, "app"))
}

/// Whether the time is over in which somebody could say something.
fn is_over(detail: &Value, now: UnixMicros) -> bool {
    text(detail, "expires_at").parse::<Timestamp>().is_ok_and(|until| until.as_microsecond() <= now.0)
}

fn until(detail: &Value) -> String {
    let until = text(detail, "expires_at");
    if until.is_empty() { until } else { format!("Refused at {until} if nobody says anything.") }
}

fn list(detail: &Value, key: &str) -> String {
    let words = detail.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    some(words.map(plain))
}

/// As many as fit into a line, one at least, and how many more there are: whoever chooses the names makes no message too long to
/// be taken.
fn some(words: impl Iterator<Item = String>) -> String {
    let (mut line, mut more) = (String::new(), 0);
    for word in words {
        if line.is_empty() {
            line = word;
        } else if more == 0 && line.chars().count() + word.chars().count() <= LIST_CHARS_MAX {
            line = format!("{line}, {word}");
        } else {
            more += 1;
        }
    }
    if more == 0 { line } else { format!("{line}, and {more} more") }
}

fn text(detail: &Value, key: &str) -> String {
    plain(detail.get(key).and_then(Value::as_str).unwrap_or_default())
}

/// Names come from configurations, apps and agents: no line of a message ends inside one, and none turns the rest around.
fn plain(text: &str) -> String {
    spelled_out(text).chars().take(TEXT_CHARS_MAX).collect()
}

impl Notice {
    fn none(pages: &str) -> Self {
        let (event, title, lines, holds) = (String::new(), String::new(), Vec::new(), Vec::new());
        Self { event, title, lines, link: pages.to_owned(), holds, records: Vec::new() }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "event": self.event,
            "title": self.title,
            "text": self.lines.join(" "),
            "link": self.link,
            "holds": self.holds,
        })
    }

    /// As Slack, and those who understand its messages, take it: what is longer it refuses, however often it is sent.
    pub fn to_slack(&self) -> Value {
        let title = escaped(&self.title);
        let mut said = format!("*{title}*");
        for line in &self.lines {
            said.push('\n');
            said.push_str(&escaped(line));
        }
        let said = cut(&said, SLACK_TEXT_MAX);
        json!({
            "text": title,
            "blocks": [
                { "type": "section", "text": { "type": "mrkdwn", "text": said } },
                { "type": "actions", "elements": [{
                    "type": "button",
                    "text": { "type": "plain_text", "text": "Look at it" },
                    "url": self.link,
                }] },
            ],
        })
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let mut text = self.lines.join("\r\n");
        text.push_str(&format!("\r\n\r\nLook at it, and decide there: {}\r\n", self.link));
        text
    }
}

/// What means something in Slack's text means nothing here: no name makes a link or calls a channel.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A mark of formatting stands behind an invisible sign, and formats nothing.
            '*' | '_' | '~' | '`' | '@' => out.extend(['\u{200b}', char]),
            char => out.push(char),
        }
    }
    out
}

/// As much of an escaped text as this, counted in the narrowest way (UTF-16); no sign is cut in two.
fn cut(escaped: &str, most: usize) -> &str {
    let mut length = 0;
    let mut fits = |char: char| {
        length += char.len_utf16();
        length <= most
    };
    let whole = escaped.char_indices().map(|(at, char)| (at, fits(char))).find(|(_, fits)| !fits);
    let Some((end, _)) = whole else { return escaped };
    let begin = escaped.get(..end).unwrap_or_default();
    match begin.rfind('&') {
        Some(entity) if !begin.get(entity..).unwrap_or_default().contains(';') => {
            begin.get(..entity).unwrap_or_default()
        }
        _ => begin,
    }
}

/// What asks people to say something.
const ASKS: [&str; 2] = ["hold.opened", "hold.escalated"];
/// The state of a hold that people have not decided.
const WAITS: &str = "pending";
const TEXT_CHARS_MAX: usize = 200;
const LIST_CHARS_MAX: usize = 500;
/// What Slack takes as the text of a section.
const SLACK_TEXT_MAX: usize = 3_000;

#[cfg(test)]
mod tests;
