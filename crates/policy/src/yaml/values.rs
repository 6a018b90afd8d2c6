//! What a condition asks of values: `{to: {domain: [example.com]}}`, `{amount: {above: 1000}}`, `{repo: [one, two]}`.

use std::sync::Arc;

use model::Scalar;

use super::condition::Condition;
use super::document::{At, Entry, Kind, Node};
use super::reader::Reader;
use crate::command::CommandPattern;
use crate::named_test::{Is, NamedTest, On, Range, Wanted};

impl Reader<'_> {
    /// A value, a list of values, or questions by key that must all hold.
    pub(super) fn values(&mut self, on: &On, node: &Node) -> Option<Condition> {
        let Kind::Map(entries) = &node.kind else {
            let wanted = self.wanted(node);
            return (!wanted.is_empty()).then(|| Condition::test(NamedTest { on: on.clone(), is: Is::OneOf(wanted) }));
        };
        let mut all = Vec::new();
        let mut range = Range::default();
        for entry in entries {
            let is = match entry.key.as_str() {
                "not" => {
                    all.extend(self.values(on, &entry.value).map(Condition::not));
                    continue;
                }
                "given" => {
                    let given = Condition::test(NamedTest { on: on.clone(), is: Is::Given });
                    all.extend(self.truth(&entry.value).map(|truth| if truth { given } else { given.not() }));
                    continue;
                }
                "above" | "at_least" | "below" | "at_most" => {
                    self.bound(entry, &mut range);
                    continue;
                }
                _ => self.question(entry),
            };
            all.extend(is.map(|is| Condition::test(NamedTest { on: on.clone(), is })));
        }
        if range != Range::default() {
            if range.is_empty() {
                self.complain(node.at, "no number is in this range, so this rule can never match", None);
            }
            all.push(Condition::test(NamedTest { on: on.clone(), is: Is::Number(range) }));
        }
        if all.is_empty() {
            return None;
        }
        Some(Condition::All(all))
    }

    fn question(&mut self, entry: &Entry) -> Option<Is> {
        let value = &entry.value;
        let texts =
            |reader: &mut Self| -> Vec<String> { reader.plain_words(value).into_iter().map(str::to_owned).collect() };
        let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
        match entry.key.as_str() {
            "is" | "one_of" => Some(self.wanted(value)).filter(|wanted| !wanted.is_empty()).map(Is::OneOf),
            "like" => {
                let globs = self.globs(value);
                (!globs.is_empty()).then(|| Is::OneOf(globs.into_iter().map(Wanted::Like).collect()))
            }
            "begins" => some(texts(self)).map(Is::Begins),
            "ends" => some(texts(self)).map(Is::Ends),
            "under" => some(self.folders(value)).map(Is::Under),
            "domain" => some(self.domains(value)).map(Is::At),
            "longer_than" => self.whole(value, 0, 1 << 40).map(Is::LongerThan),
            "command" => {
                let patterns = self.commands(value);
                (!patterns.is_empty()).then_some(Is::Command(patterns))
            }
            "regex" | "matches" | "pattern" | "regexp" => {
                let hint = "in `like`, a `*` stands for any run of characters, and everything else for itself";
                self.complain(entry.at, "rules take no regular expressions", Some(hint.to_owned()));
                None
            }
            _ => {
                self.unknown_key(entry, VALUE_KEYS);
                None
            }
        }
    }

    /// Values that are compared as they stand, each of its kind.
    fn wanted(&mut self, node: &Node) -> Vec<Wanted> {
        let members = match &node.kind {
            Kind::List(members) => {
                if members.is_empty() {
                    self.words(node);
                }
                members.as_slice()
            }
            _ => std::slice::from_ref(node),
        };
        members.iter().filter_map(|member| self.scalar(member)).map(Wanted::Exactly).collect()
    }

    fn scalar(&mut self, node: &Node) -> Option<Scalar> {
        match &node.kind {
            Kind::Bool(truth) => Some(Scalar::Bool(*truth)),
            Kind::Number(spelling) => Some(match spelling.parse() {
                Ok(whole) => Scalar::Whole(whole),
                Err(_) => Scalar::Decimal(spelling.clone()),
            }),
            Kind::Text(_) => self.plain_words(node).first().map(|word| Scalar::Text(Arc::from(*word))),
            _ => {
                self.expected(node, "a text, a number, `true` or `false`");
                None
            }
        }
    }

    fn bound(&mut self, entry: &Entry, range: &mut Range) {
        let number = match &entry.value.kind {
            Kind::Number(spelling) => spelling.parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.expected(&entry.value, "a number");
        }
        match entry.key.as_str() {
            "above" => range.above = number,
            "at_least" => range.at_least = number,
            "below" => range.below = number,
            _ => range.at_most = number,
        }
    }

    /// Absolute paths.
    pub(super) fn folders(&mut self, node: &Node) -> Vec<String> {
        let mut folders = Vec::new();
        for (at, word) in self.words(node) {
            let clear = word.starts_with('/') && !word.split('/').any(|part| matches!(part, "." | ".."));
            if !clear || word.contains(['*', '~', '$']) {
                let hint = "name a folder from the root, as in `/workspace`; everything in it counts".to_owned();
                self.complain(at, format!("`{word}` is not an absolute path"), Some(hint));
                continue;
            }
            let trimmed = word.trim_end_matches('/');
            folders.push(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() });
        }
        folders
    }

    fn domains(&mut self, node: &Node) -> Vec<String> {
        let mut domains = Vec::new();
        for (at, word) in self.words(node) {
            let name = word.strip_prefix("*.").unwrap_or(word);
            let like_a_domain = !name.is_empty()
                && name
                    .split('.')
                    .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
            if !like_a_domain {
                let hint = "write `example.com`, or `*.example.com` for all below it".to_owned();
                self.complain(at, format!("`{word}` is no domain"), Some(hint));
            }
            domains.push(word.to_lowercase());
        }
        domains
    }

    /// Commands as people type them.
    pub(super) fn commands(&mut self, node: &Node) -> Vec<CommandPattern> {
        let mut patterns = Vec::new();
        for (at, word) in self.words(node) {
            match CommandPattern::parse(word) {
                Some(_) if word.contains(['*', '|', ';', '&', '$', '`', '<', '>']) => self.not_plain(at, word),
                Some(pattern) => patterns.push(pattern),
                None => self.not_plain(at, word),
            }
        }
        patterns
    }

    fn not_plain(&mut self, at: At, word: &str) {
        let hint = "write one program with its words, as in `rm -rf /`; flags match in any order".to_owned();
        self.complain(at, format!("`{word}` is not one plain command"), Some(hint));
    }
}

pub(crate) const VALUE_KEYS: &[&str] = &[
    "is",
    "one_of",
    "like",
    "begins",
    "ends",
    "under",
    "domain",
    "above",
    "at_least",
    "below",
    "at_most",
    "longer_than",
    "command",
    "given",
    "not",
];
