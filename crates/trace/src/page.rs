//! Pages of records, as they are asked for in an address: `q=verdict:deny+since:1d&limit=50`.

use model::limits::{TRACE_PAGE_BYTES_MAX, TRACE_PAGE_MAX};
use model::{Blame, Fault, UnixMicros};
use serde_json::{Value, json};

use crate::entry::Entry;
use crate::log::LogReader;
use crate::question::Query;

/// Some of the records that fit, in the order that was asked for.
#[derive(Debug, Clone)]
pub struct Page {
    /// The records.
    pub records: Vec<Entry>,
    /// Behind which place the next page begins; none where this is the last.
    pub next: Option<u64>,
}

impl Query {
    /// The page that the query of an address asks for: `q` is a question in the language (of calls, unless it says otherwise),
    /// `limit` how many (100, at most [`TRACE_PAGE_MAX`]), `cursor` the `next` of the page before, `order` `newest` (first) or `oldest`.
    /// Error: blame `Caller`, with what it takes.
    pub fn of_address(asked: &str, now: UnixMicros) -> Result<Self, Fault> {
        let (mut text, mut cursor) = (String::new(), None);
        let Self { mut limit, mut newest_first, .. } = Self::default();
        for (key, value) in form_urlencoded::parse(asked.as_bytes()) {
            match &*key {
                "q" => text = value.into_owned(),
                "limit" => {
                    let number = value.parse().ok().filter(|limit| (1..=TRACE_PAGE_MAX).contains(limit));
                    limit = number.ok_or_else(|| wrong("limit", &value, "a number from 1 to 1000"))?;
                }
                "cursor" => {
                    let place = value.parse::<u64>().map_err(|_| wrong("cursor", &value, "the `next` of a page"))?;
                    cursor = Some(place);
                }
                "order" => {
                    newest_first = match &*value {
                        "newest" => true,
                        "oldest" => false,
                        _ => return Err(wrong("order", &value, "`newest` or `oldest`")),
                    };
                }
                other => {
                    let said = format!("a page of the trace has no parameter `{other}`");
                    return Err(Fault::new(Blame::Caller, "caller.parameter", said)
                        .hint("it takes `q`, `limit`, `cursor` and `order`"));
                }
            }
        }
        let query = Self::parse(&text, now).map_err(|error| error.fault(Blame::Caller))?.of_calls_unless_said();
        let (before_sequence, after_sequence) = if newest_first { (cursor, None) } else { (None, cursor) };
        Ok(Self { before_sequence, after_sequence, limit, newest_first, ..query })
    }
}

impl Page {
    /// What any of these questions finds, each record once. They differ in their terms only. It ends early where its records are
    /// long. Error: as the store says.
    pub fn of(questions: &[Query], reader: &dyn LogReader) -> Result<Self, Fault> {
        let limit = questions.first().map_or(0, |question| question.limit);
        let mut page = Self { records: Vec::new(), next: None };
        let mut bytes = 0;
        while page.records.len() < limit {
            let part = Self::part(questions, page.next, PART_MAX.min(limit - page.records.len()), reader)?;
            for record in part.records {
                if bytes >= TRACE_PAGE_BYTES_MAX {
                    page.next = page.records.last().map(|last| last.sequence);
                    return Ok(page);
                }
                bytes += bytes_of(&record);
                page.records.push(record);
            }
            page.next = part.next;
            if page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    /// So many of them behind this place.
    fn part(questions: &[Query], behind: Option<u64>, limit: usize, reader: &dyn LogReader) -> Result<Self, Fault> {
        let newest_first = questions.first().is_some_and(|question| question.newest_first);
        let mut records: Vec<Entry> = Vec::new();
        for question in questions {
            // One more says whether there is another part.
            let mut one_more = Query { limit: limit.saturating_add(1), ..question.clone() };
            let place = if newest_first { &mut one_more.before_sequence } else { &mut one_more.after_sequence };
            *place = behind.or(*place);
            records.extend(reader.find(&one_more).map_err(Fault::from)?);
        }
        if questions.len() > 1 {
            records.sort_by_key(|entry| entry.sequence);
            records.dedup_by_key(|entry| entry.sequence);
            if newest_first {
                records.reverse();
            }
        }
        let goes_on = records.len() > limit;
        records.truncate(limit);
        let next = records.last().map(|last| last.sequence).filter(|_| goes_on);
        Ok(Self { records, next })
    }

    /// `{"records": […], "next": "…"}`; `next` is null on the last page.
    pub fn to_json(&self) -> Value {
        let records: Vec<Value> = self.records.iter().map(Entry::to_json).collect();
        json!({ "records": records, "next": self.next.map(|next| next.to_string()) })
    }
}

fn wrong(key: &str, value: &str, takes: &str) -> Fault {
    Fault::new(Blame::Caller, "caller.parameter", format!("`{key}` does not take `{value}`: it takes {takes}"))
}

fn bytes_of(record: &Entry) -> usize {
    let texts = [record.body.as_ref(), record.outcome_leaf.as_ref()];
    record.leaf.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
}

/// How many records of a page are read at once.
const PART_MAX: usize = 50;

#[cfg(test)]
mod tests;
