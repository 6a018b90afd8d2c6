//! A contract file as an [`Agreement`]: what stands in it, with everything that is wrong told at its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{ClauseNumber, Digest, HumanId};
use yaml_tree::{At, Entry, Kind, Node, Values};

use crate::agreement::{
    Agreement, Amendment, Answers, Day, Document, Hidden, Outside, Parties, Party, Provision, Span, Totals,
};
use crate::error::ContractError;
use crate::period::Period;
use crate::reader::Reader;
use crate::when::zone;

mod kinds;

/// A contract file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractFile {
    /// The file as the operator named it, for messages.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Reads the file. None: it is so wrong that it says nothing; what is wrong stands in the reader.
pub(crate) fn read(file: &ContractFile, reader: &mut Reader) -> Option<Agreement> {
    if file.text.len() > FILE_BYTES_MAX {
        reader.complain_at((1, 1), format!("this file is larger than {FILE_BYTES_MAX} bytes"), None);
        return None;
    }
    let root = match yaml_tree::read(&file.text) {
        Ok(root) => root,
        Err(error) => {
            reader.complain_at((error.line, error.column), error.said, error.hint);
            return None;
        }
    };
    let undecided = undecided(&root);
    if let Some(first) = undecided.first() {
        let said = match undecided.len() {
            1 => "`?` stands here for what nobody has decided yet".to_owned(),
            places => format!("`?` stands in {places} places for what nobody has decided yet, and first here"),
        };
        reader.complain(*first, said, Some(DECIDE));
        return None;
    }
    questions(&file.text, reader);
    reader.agreement(&root)
}

/// Where a value of a draft stands that is for somebody to decide.
fn undecided(node: &Node) -> Vec<At> {
    match &node.kind {
        Kind::Text(text) if text.trim() == "?" => vec![node.at],
        Kind::List(all) => all.iter().flat_map(undecided).collect(),
        Kind::Map(entries) => entries.iter().flat_map(|entry| undecided(&entry.value)).collect(),
        Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Nothing => Vec::new(),
    }
}

/// Tells of comments of a draft that still ask something.
fn questions(text: &str, reader: &mut Reader) {
    let asks = |line: &str| line.trim_start().starts_with("# ?") || line.contains(" # ?");
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| asks(line)).map(|(number, _)| number);
    let Some(first) = lines.next() else { return };
    let said = match lines.count() {
        0 => "a comment `# ?` still asks something here".to_owned(),
        more => format!("{} comments `# ?` still ask something, the first one here", more + 1),
    };
    reader.note_at((first, 1), said, Some("decide what they ask, and take them out".to_owned()));
}

impl Reader {
    fn agreement(&mut self, root: &Node) -> Option<Agreement> {
        let (mut contract, mut vendor, mut document, mut parties, mut term) = (None, None, None, None, None);
        let (mut apps, mut tenants, mut purposes) = (None, None, BTreeSet::new());
        let (mut answers, mut clauses, mut amendments) = (Answers::default(), Vec::new(), Vec::new());
        let zone_name = self.zone_name(root);
        for Entry { key, value, .. } in self.map(root, KEYS, NEEDED) {
            match key.as_str() {
                "contract" => contract = self.id(value),
                "vendor" => vendor = self.id(value),
                "document" => document = self.document(value),
                "parties" => parties = self.parties(value),
                "apps" => apps = Some(self.ids(value)),
                "tenants" => tenants = Some(self.set(value)),
                "purposes" => purposes = self.set(value),
                "term" => term = self.term(value, &zone_name),
                "answers" => answers = self.answers(value),
                "clauses" => clauses = self.clauses(value),
                "amendments" => amendments = self.amendments(value, &zone_name),
                _ => {}
            }
        }
        Some(Agreement {
            contract: contract?,
            vendor: vendor?,
            document: document?,
            parties: parties?,
            apps: apps?,
            tenants: tenants?,
            purposes,
            term: term?,
            answers,
            clauses,
            amendments,
            file: Arc::clone(&self.file),
        })
    }

    /// The zone of the term, which days of amendments are counted in as well.
    fn zone_name(&self, root: &Node) -> String {
        let inside = |node: &Node, key: &str| match &node.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone()),
            _ => None,
        };
        let named = inside(root, "term").and_then(|term| inside(&term, "zone"));
        match named.map(|node| node.kind) {
            Some(Kind::Text(name) | Kind::Number(name)) => name,
            _ => "UTC".to_owned(),
        }
    }

    fn document(&mut self, node: &Node) -> Option<Document> {
        let (mut name, mut sha256, mut dated, mut clauses, mut file) = (None, None, None, Vec::new(), None);
        for Entry { key, value, .. } in self.map(node, DOCUMENT_KEYS, &["name", "sha256", "dated", "clauses"]) {
            match key.as_str() {
                "name" => name = self.word(value).map(str::to_owned),
                "sha256" => sha256 = self.digest(value),
                "dated" => dated = self.day(value),
                "clauses" => clauses = self.numbers(value),
                "file" => file = self.word(value).map(str::to_owned),
                _ => {}
            }
        }
        Some(Document { name: name?, sha256: sha256?, dated: dated?, clauses, file })
    }

    fn digest(&mut self, node: &Node) -> Option<Digest> {
        let word = self.word(node)?;
        let whole = if word.contains(':') { word.to_owned() } else { format!("sha256:{word}") };
        self.parsed(node.at, &whole)
    }

    fn day(&mut self, node: &Node) -> Option<Day> {
        let word = self.word(node)?;
        self.parsed(node.at, word)
    }

    /// Numbers of clauses, each once, in the order they stand.
    fn numbers(&mut self, node: &Node) -> Vec<ClauseNumber> {
        let mut numbers: Vec<ClauseNumber> = Vec::new();
        for (at, word) in self.words(node) {
            let Some(number) = self.parsed(at, word) else { continue };
            if numbers.contains(&number) {
                self.complain(at, format!("clause {number} is listed twice"), Some("keep one of them"));
            } else {
                numbers.push(number);
            }
        }
        if numbers.len() > CLAUSES_MAX {
            self.complain(node.at, format!("these are more than {CLAUSES_MAX} clauses"), None);
        }
        numbers
    }

    fn parties(&mut self, node: &Node) -> Option<Parties> {
        let (mut ours, mut theirs, mut responsible) = (None, None, None);
        for Entry { key, value, .. } in self.map(node, PARTY_KEYS, PARTY_KEYS) {
            match key.as_str() {
                "ours" => ours = self.party(value),
                "theirs" => theirs = self.party(value),
                "responsible" => responsible = self.id(value),
                _ => {}
            }
        }
        Some(Parties { ours: ours?, theirs: theirs?, responsible: responsible? })
    }

    fn party(&mut self, node: &Node) -> Option<Party> {
        let (mut name, mut people) = (None, BTreeMap::new());
        for Entry { key, value, .. } in self.map(node, &["name", "people"], &["name"]) {
            match key.as_str() {
                "name" => name = self.word(value).map(str::to_owned),
                _ => {
                    for entry in self.entries(value) {
                        if let Some(person) = self.person(&entry.value) {
                            people.insert(entry.key.clone(), person);
                        }
                    }
                }
            }
        }
        Some(Party { name: name?, people })
    }

    /// A name, or `human:` with an id. What is neither would be taken for a name, and that person for one of nobody's side.
    fn person(&mut self, node: &Node) -> Option<String> {
        let word = self.word(node)?;
        let bare = word.trim().to_lowercase();
        if bare.split(':').next().is_some_and(|first| first.trim_end() == "human") && bare.contains(':') {
            let id = word.strip_prefix(Party::HUMAN).map(HumanId::parse);
            if !matches!(id, Some(Ok(_))) {
                let said = format!("`{word}` names nobody of the directory");
                self.complain(
                    node.at,
                    said,
                    Some("it takes an id as in `human:ana`, or a name as the document has it"),
                );
                return None;
            }
        }
        Some(word.to_owned())
    }

    fn term(&mut self, node: &Node, zone_name: &str) -> Option<Period> {
        let (mut from, mut until) = (None, None);
        for Entry { key, value, .. } in self.map(node, &["from", "until", "zone"], &["from", "until"]) {
            match key.as_str() {
                "from" => from = self.day(value).map(|day| (value.at, day)),
                "until" => until = self.day(value).map(|day| (value.at, day)),
                _ => drop(self.word(value)),
            }
        }
        let zone = zone(zone_name).map_err(|error| self.complain(node.at, error, None)).ok()?;
        let ((from_at, from), (until_at, until)) = (from?, until?);
        if until < from {
            self.complain(until_at, format!("the term ends on {until}, before it begins on {from}"), None);
            return None;
        }
        let moments = from.begins(&zone).zip(until.ends(&zone));
        if moments.is_none() {
            self.complain(from_at, "these days are past what a clock can say", None);
        }
        let (begins, ends) = moments?;
        Some(Period { from, until, zone: zone_name.to_owned(), begins, ends })
    }

    fn answers(&mut self, node: &Node) -> Answers {
        let mut answers = Answers::default();
        for Entry { key, value, .. } in self.map(node, ANSWER_KEYS, &[]) {
            match key.as_str() {
                "outside" => answers.outside = self.choice(value, "way", OUTSIDE).unwrap_or_default(),
                "totals" => answers.totals = self.choice(value, "way", TOTALS).unwrap_or_default(),
                "hidden" => answers.hidden = self.choice(value, "way", HIDDEN).unwrap_or_default(),
                "accept_race" => answers.accept_race = self.truth(value).unwrap_or_default(),
                _ => {}
            }
        }
        answers
    }

    fn amendments(&mut self, node: &Node, zone_name: &str) -> Vec<Amendment> {
        let mut amendments: Vec<Amendment> = Vec::new();
        for node in self.list(node) {
            let (mut document, mut from, mut clauses) = (None, None, Vec::new());
            for Entry { key, value, .. } in self.map(node, AMENDMENT_KEYS, AMENDMENT_KEYS) {
                match key.as_str() {
                    "document" => document = self.document(value),
                    "from" => from = self.day(value),
                    "clauses" => clauses = self.clauses(value),
                    _ => {}
                }
            }
            let (Some(document), Some(from)) = (document, from) else { continue };
            let Some(begins) = zone(zone_name).ok().and_then(|zone| from.begins(&zone)) else { continue };
            amendments.push(Amendment { document, from, clauses, begins });
        }
        amendments.sort_by_key(|amendment| amendment.begins);
        amendments
    }

    fn clauses(&mut self, node: &Node) -> Vec<Provision> {
        let clauses: Vec<Provision> = self.list(node).iter().filter_map(|clause| self.provision(clause)).collect();
        if clauses.len() > CLAUSES_MAX {
            self.complain(node.at, format!("these are more than {CLAUSES_MAX} clauses"), None);
        }
        clauses
    }

    fn provision(&mut self, node: &Node) -> Option<Provision> {
        let (mut clause, mut text, mut says, mut at, mut note) = (None, None, None, None, None);
        let (mut kinds, mut supersedes) = (Vec::new(), BTreeSet::new());
        for entry in self.map(node, CLAUSE_KEYS, &["clause"]) {
            let value = &entry.value;
            match entry.key.as_str() {
                "clause" => clause = self.id::<ClauseNumber>(value),
                "text" => text = self.word(value).map(|text| text.trim_end().to_owned()),
                "says" => says = self.sentence(value),
                "at" => at = self.span(value),
                "note" => note = self.word(value).map(|note| note.trim_end().to_owned()),
                "supersedes" => supersedes = self.ids(value),
                _ => kinds.push((entry.at, self.kind(entry))),
            }
        }
        let clause = clause?;
        if text.is_none() && says.is_none() {
            let hint = "give its `text` as the document has it, or say in `says` what it comes to";
            self.complain(node.at, format!("clause {clause} has no words"), Some(hint));
        }
        let kind = self.one_kind(node.at, &clause, kinds)?;
        Some(Provision { clause, text, says, at, kind, note, supersedes, place: (node.at.line, node.at.column) })
    }

    fn one_kind<T>(&mut self, at: At, clause: &ClauseNumber, kinds: Vec<(At, Option<T>)>) -> Option<T> {
        let several = kinds.get(1).map(|(at, _)| *at);
        if let Some(second) = several {
            let hint = "list the document's clause in parts, as `3.1(a)` and `3.1(b)`";
            self.complain(second, format!("clause {clause} is honoured in two ways"), Some(hint));
        }
        if kinds.is_empty() {
            let hint = "say `permits`, `excludes`, `limits`, `post_hoc` or `needs_human`";
            self.complain(at, format!("nothing is said of how clause {clause} is honoured"), Some(hint));
        }
        kinds.into_iter().next().and_then(|(_, kind)| kind)
    }

    /// One sentence on one line.
    fn sentence(&mut self, node: &Node) -> Option<String> {
        let sentence = self.word(node)?.trim().trim_end_matches('.').to_owned();
        if sentence.is_empty() || sentence.chars().any(char::is_control) || sentence.len() > SENTENCE_BYTES_MAX {
            self.complain(
                node.at,
                format!("`says` takes one sentence on one line, {SENTENCE_BYTES_MAX} bytes at most"),
                None,
            );
            return None;
        }
        Some(sentence)
    }

    fn span(&mut self, node: &Node) -> Option<Span> {
        let (mut offset, mut bytes) = (None, None);
        for Entry { key, value, .. } in self.map(node, &["offset", "bytes"], &["offset", "bytes"]) {
            match key.as_str() {
                "offset" => offset = self.whole(value, 0, DOCUMENT_BYTES_MAX),
                _ => bytes = self.whole(value, 1, DOCUMENT_BYTES_MAX),
            }
        }
        Some(Span { offset: offset?, bytes: bytes? })
    }
}

/// Whether these errors name only one file.
pub(crate) fn sorted(mut errors: Vec<ContractError>) -> Vec<ContractError> {
    errors.sort_by_key(|error| (error.file().to_owned(), error.line(), error.column()));
    errors.dedup();
    errors
}

const KEYS: &[&str] = &[
    "contract",
    "vendor",
    "document",
    "parties",
    "apps",
    "tenants",
    "purposes",
    "term",
    "answers",
    "clauses",
    "amendments",
];
const NEEDED: &[&str] = &["contract", "vendor", "document", "parties", "apps", "tenants", "term", "clauses"];
const DOCUMENT_KEYS: &[&str] = &["name", "file", "sha256", "dated", "clauses"];
const PARTY_KEYS: &[&str] = &["ours", "theirs", "responsible"];
const ANSWER_KEYS: &[&str] = &["outside", "totals", "hidden", "accept_race"];
const AMENDMENT_KEYS: &[&str] = &["document", "from", "clauses"];
const CLAUSE_KEYS: &[&str] =
    &["clause", "text", "says", "at", "note", "supersedes", "permits", "excludes", "limits", "post_hoc", "needs_human"];
const OUTSIDE: &[(&str, Outside)] = &[("drop", Outside::Drop), ("refuse", Outside::Refuse)];
const TOTALS: &[(&str, Totals)] =
    &[("remove", Totals::Remove), ("recount", Totals::Recount), ("refuse", Totals::Refuse)];
const HIDDEN: &[(&str, Hidden)] = &[("remove", Hidden::Remove), ("replace", Hidden::Replace)];
const DECIDE: &str =
    "write what was agreed instead; a draft lies outside of what `contracts:` names until all of it is decided";
/// Largest contract file.
const FILE_BYTES_MAX: usize = 2 << 20;
/// Most clauses of one document.
const CLAUSES_MAX: usize = 2_000;
const SENTENCE_BYTES_MAX: usize = 1_000;
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests;
