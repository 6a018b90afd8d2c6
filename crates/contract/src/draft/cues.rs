//! How a clause might be honoured, by the words it uses.

use crate::agreement::Head;

/// A proposal of how a clause is honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The word of the contract file: `permits`, `limits`, …
    pub kind: &'static str,
    /// The part of the contract's head that it seems to say.
    pub head: Option<Head>,
    /// The words that speak for it.
    pub cue: Option<&'static str>,
    /// What somebody has to look at.
    pub doubts: Vec<String>,
}

/// Proposes by the words of a clause, without markup.
pub(super) fn propose(text: &str) -> Proposal {
    let words = in_small(text);
    let found = |cues: &'static [&'static str]| cues.iter().copied().find(|cue| words.contains(cue));
    let definition = found(DEFINITIONS).is_some();
    let excludes = found(EXCLUDES).filter(|_| found(READS).is_some());
    let limits = found(LIMITS).filter(|_| has_number(&words));
    let term = found(TERM).filter(|_| has_number(&words));
    let permits = found(PERMITS);
    let first = |cue: Option<&str>| cue.and_then(|cue| words.find(cue)).unwrap_or(usize::MAX);
    let purposes = found(PURPOSES).filter(|_| permits.is_none());
    let only = found(ONLY).filter(|_| found(READS).is_some() && permits.is_none());
    let post_hoc = found(POST_HOC);
    let mut doubts = Vec::new();
    let (kind, head, cue) = if definition {
        ("needs_human", None, Some("means"))
    } else if let Some(cue) = term {
        ("limits", Some(Head::Term), Some(cue))
    } else if let Some(cue) = limits {
        ("limits", None, Some(cue))
    } else if let Some(cue) = purposes {
        ("limits", Some(Head::Purposes), Some(cue))
    } else if let Some(cue) = excludes.filter(|_| first(excludes) <= first(permits)) {
        ("excludes", None, Some(cue))
    } else if let Some(cue) = only {
        ("limits", None, Some(cue))
    } else if let Some(cue) = permits {
        ("permits", None, Some(cue))
    } else if let Some(cue) = post_hoc {
        ("post_hoc", None, Some(cue))
    } else {
        ("needs_human", None, found(HUMAN))
    };
    let several = [excludes.is_some(), limits.is_some(), permits.is_some(), post_hoc.is_some()];
    if !definition && several.iter().filter(|one| **one).count() > 1 {
        doubts.push("it says more than one thing: list its parts apart, as in `3.1(a)`".to_owned());
    }
    if kind == "needs_human" && cue.is_none() {
        doubts.push("no word of it says how it is honoured".to_owned());
    }
    if let Some(vague) = found(VAGUE).filter(|_| kind != "needs_human") {
        doubts.push(format!("`{}` can be read in more than one way", vague.trim()));
    }
    if let Some(elsewhere) = found(ELSEWHERE) {
        doubts.push(format!("what it says stands elsewhere: {}", elsewhere.trim()));
    }
    if let Some(unless) = found(UNLESS).filter(|_| kind != "needs_human") {
        doubts.push(format!("`{}` makes an exception", unless.trim()));
    }
    Proposal { kind, head, cue: cue.map(str::trim), doubts }
}

/// Whether words permit or forbid something.
pub(super) fn decide(text: &str) -> bool {
    let words = in_small(text);
    EXCLUDES.iter().chain(PERMITS).any(|cue| words.contains(cue))
}

/// Whether the last word is a number that is written out.
pub(super) fn end_with_a_number(text: &str) -> bool {
    in_small(text).split_whitespace().next_back().is_some_and(is_number)
}

/// Whether words may go on with a figure in parentheses: behind a number that is written out, as in `thirty (30)`, and behind what
/// a provision is named by, as in `Article 28 (3)`, `paragraph (1)` and `sub-clause (1)`.
pub(super) fn end_before_a_figure(text: &str) -> bool {
    let words = in_small(text);
    let last = words.split_whitespace().next_back().unwrap_or_default();
    let part = last.rsplit(['-', '\'']).next().unwrap_or_default();
    let part = part.strip_prefix("sub").unwrap_or(part);
    is_number(last) || last.ends_with(|letter: char| letter.is_ascii_digit()) || PROVISIONS.contains(&part)
}

/// Whether what follows words is something of its own: they stop, or join it to what stands before.
pub(super) fn end(text: &str) -> bool {
    let words = text.trim_end_matches(['"', '”', '’', ')']);
    words.is_empty()
        || words.ends_with(['.', ';', ':', ',', '—', '–'])
        || [" and", " or", " und", " oder"].iter().any(|joint| words.ends_with(joint))
}

fn in_small(text: &str) -> String {
    format!(" {} ", text.to_lowercase().replace(['’', '\u{2011}'], "'"))
}

fn has_number(words: &str) -> bool {
    words.bytes().any(|byte| byte.is_ascii_digit()) || words.split_whitespace().any(is_number)
}

/// Whether this is a number that is written out: `four`, `twenty-four`, `hundred`.
fn is_number(word: &str) -> bool {
    word.rsplit(['-', '\'']).next().is_some_and(|last| NUMBERS.contains(&last))
}

const NUMBERS: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
];
const PROVISIONS: &[&str] = &[
    "abs.",
    "absatz",
    "absatzes",
    "absätze",
    "anhang",
    "anlage",
    "annex",
    "annexes",
    "annexure",
    "appendices",
    "appendix",
    "art.",
    "article",
    "articles",
    "artikel",
    "artikeln",
    "arts.",
    "attachment",
    "chapter",
    "chapters",
    "cl.",
    "clause",
    "clauses",
    "exhibit",
    "exhibits",
    "item",
    "items",
    "no.",
    "nos.",
    "nr.",
    "number",
    "numbers",
    "nummer",
    "nummern",
    "para.",
    "paragraph",
    "paragraphs",
    "paras.",
    "part",
    "parts",
    "point",
    "points",
    "punkt",
    "recital",
    "recitals",
    "regulation",
    "regulations",
    "rule",
    "rules",
    "satz",
    "schedule",
    "schedules",
    "sec.",
    "section",
    "sections",
    "ziffer",
    "ziffern",
    "§",
    "§§",
];
const DEFINITIONS: &[&str] =
    &["\" means ", "” means ", " the meaning given ", " the meaning(s) given ", " the meanings given "];
const PURPOSES: &[&str] = &[" for nothing else", " for no other purpose", " solely for ", " only for the purpose"];
const ONLY: &[&str] = &[" only.", " only ", " out of its reach"];
const READS: &[&str] = &[
    " read",
    " access",
    " process",
    " use ",
    " see ",
    " view",
    " disclose",
    " store",
    " collect",
    " search",
    " reach",
    " transfer",
    " train",
    " modif",
    " copy",
];
const EXCLUDES: &[&str] = &[
    " may not ",
    " shall not ",
    " will not ",
    " must not ",
    " does not ",
    " do not ",
    " is not permitted",
    " are not permitted",
    " excluded",
    " prohibited",
    " no access",
    " none of ",
];
const PERMITS: &[&str] = &[
    " may read",
    " may access",
    " may list",
    " may set ",
    " may update",
    " may use",
    " may process",
    " may copy",
    " is permitted to ",
    " authorizes ",
    " grants ",
];
const LIMITS: &[&str] = &[
    " no more than ",
    " at most ",
    " not exceed",
    " up to ",
    " per hour",
    " per day",
    " per minute",
    " in any hour",
    " in any day",
    " maximum",
];
const TERM: &[&str] = &[" runs from ", " expires on", " ends on ", " until 2", " initial term", " effective date"];
const POST_HOC: &[&str] = &[
    " audit",
    " logs ",
    " records of ",
    " each month",
    " once a month",
    " monthly",
    " quarter",
    " annually",
    " each year",
    " retention",
    " retain",
    " delete",
    " review",
];
const HUMAN: &[&str] = &[
    " notify",
    " notice",
    " inform",
    " consent",
    " law",
    " assist",
    " cooperat",
    " warrant",
    " liab",
    " indemn",
    " terminat",
    " suspend",
    " agree",
    " tells ",
    " writing",
    " responsib",
    " comply",
    " answers for",
];
const VAGUE: &[&str] =
    &[" reasonabl", " appropriate", " as needed", " from time to time", " promptly", " necessary", " material"];
const ELSEWHERE: &[&str] = &[" cover page", " annex", " schedule ", " exhibit", " order form", " appendix"];
const UNLESS: &[&str] = &[" unless ", " except ", " other than "];
