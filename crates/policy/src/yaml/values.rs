//! What a condition asks of values: `{to: {domain: [example.com]}}`, `{amount: {above: 1000}}`, `{repo: [one, two]}`.

use std::sync::Arc;

use model::{Scalar, written};
use yaml_tree::{At, Entry, Kind, Node, Values as _};

use super::condition::Condition;
use super::reader::Reader;
use crate::command::{CommandPattern, begins_with_a_variable};
use crate::glob::Glob;
use crate::named_test::{Is, NamedTest, On, Range, Wanted};

impl Reader<'_> {
    /// A value, a list of values, or questions by key that must all hold.
    pub(super) fn values(&mut self, on: &On, node: &Node) -> Option<Condition> {
        let Kind::Map(entries) = &node.kind else {
            let wanted = self.wanted(on, node);
            return (!wanted.is_empty()).then(|| Condition::test(NamedTest { on: on.clone(), is: Is::OneOf(wanted) }));
        };
        let (mut all, before) = (Vec::new(), self.complaints());
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
                _ => self.question(on, entry),
            };
            all.extend(is.map(|is| Condition::test(NamedTest { on: on.clone(), is })));
        }
        if range != Range::default() {
            if range.is_empty() {
                self.complain(node.at, "no number is in this range, so this rule can never match", None);
            }
            all.push(Condition::test(NamedTest { on: on.clone(), is: Is::Number(range) }));
        }
        self.says_something(node, &all, before);
        (!all.is_empty()).then_some(Condition::All(all))
    }

    fn question(&mut self, on: &On, entry: &Entry) -> Option<Is> {
        let value = &entry.value;
        let texts = |reader: &mut Self| -> Vec<String> {
            let words = reader.plain_words(value);
            reader.parts_of(on, entry, words.iter().copied());
            words.into_iter().map(str::to_owned).collect()
        };
        let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
        match entry.key.as_str() {
            "is" | "one_of" => Some(self.wanted(on, value)).filter(|wanted| !wanted.is_empty()).map(Is::OneOf),
            "like" => {
                let globs = self.globs(value);
                self.parts_of(on, entry, globs.iter().map(Glob::as_str));
                (!globs.is_empty()).then(|| Is::OneOf(globs.into_iter().map(Wanted::Like).collect()))
            }
            "begins" => some(texts(self)).map(Is::Begins),
            "ends" => some(texts(self)).map(Is::Ends),
            "under" => some(self.folders(value)).map(Is::Under),
            "domain" => some(self.domains(value)).map(Is::At),
            "longer_than" => self.whole(value, 0, 1 << 40).map(Is::LongerThan),
            "command" if *on != On::Role(Arc::from(COMMAND)) => {
                let said = "only the role `command` is read as a shell reads it: a second command or a variable would be missed";
                let hint = "give the argument the role `command` in a profile, and write `roles: {command: {command: …}}`; \
                            `like` compares a text as it stands";
                self.complain(entry.at, said, Some(hint.to_owned()));
                None
            }
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

    /// The values of a list, which is not to be empty, or the one value.
    pub(super) fn members<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(members) => {
                if members.is_empty() {
                    self.words(node);
                }
                members
            }
            _ => std::slice::from_ref(node),
        }
    }

    /// Values that are compared as they stand, each of its kind.
    fn wanted(&mut self, on: &On, node: &Node) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for member in self.members(node) {
            wanted.extend(match (self.scalar(member), &member.kind) {
                (Some(Scalar::Text(word)), _) => {
                    self.as_facts(on, member.at, &word).map(|word| Wanted::Exactly(Scalar::Text(Arc::from(word))))
                }
                (Some(number), Kind::Number(spelling)) if !is_of_numbers(on) => Some(Wanted::number(number, spelling)),
                (other, _) => other.map(Wanted::Exactly),
            });
        }
        wanted
    }

    /// A value of a role as the facts of a call write it. None: no value looks like that, and it is told.
    pub(super) fn as_facts(&mut self, on: &On, at: At, word: &str) -> Option<String> {
        let On::Role(role) = on else { return Some(word.to_owned()) };
        let never = self.reading.errors.len();
        match role.as_ref() {
            PATH => match written::place(word) {
                Some(path) => return Some(path),
                None => self.not_absolute(at, word),
            },
            COMMAND if word.contains(NOT_PLAIN) => self.not_plain(at, word),
            COMMAND => match CommandPattern::as_facts(word) {
                Some(command) => return Some(command),
                None => self.not_plain(at, word),
            },
            _ if is_of_numbers(on) => {
                return Some(
                    written::number(word).map_or_else(|| word.to_owned(), |number| Wanted::Exactly(number).to_string()),
                );
            }
            _ => self.part_of(on, at, word, ""),
        }
        let word = if role.as_ref() == URL { word.strip_suffix('.').unwrap_or(word) } else { word };
        (self.complaints() == never).then(|| word.to_owned())
    }

    /// Refuses a part of a value that no value of the role has.
    pub(super) fn part_of(&mut self, on: &On, at: At, word: &str, question: &str) {
        let On::Role(role) = on else { return };
        let begins = matches!(question, "begins" | "like") && !word.starts_with('*');
        match role.as_ref() {
            URL if word.contains(|letter: char| letter.is_whitespace() || "/@?#\\".contains(letter))
                || names_a_port(word, question) =>
            {
                let said = format!("`{word}` is no host, and of an address only the host is compared");
                self.complain(at, said, Some("write the host, as in `example.com`".to_owned()));
            }
            RECIPIENT if word.contains(|letter: char| letter.is_whitespace() || "<>()[]\\,;:\"'".contains(letter)) => {
                let said = format!("`{word}` is no address by itself, and recipients are compared without names");
                self.complain(at, said, Some("write the address alone, as in `ana@example.com`".to_owned()));
            }
            PATH if begins && !word.starts_with('/') => self.not_absolute(at, word),
            PATH if is_no_part_of_a_place(word, question) => {
                let said = format!("`{word}` never stands there in a path, so this can never match");
                let hint = "paths are compared without `.`, `..`, doubled slashes and a slash at their end; `under` asks for \
                            a folder and all in it";
                self.complain(at, said, Some(hint.to_owned()));
            }
            COMMAND if begins && begins_with_a_variable(word) => self.not_plain(at, word),
            COMMAND if begins && word.starts_with('/') => {
                let said = format!("`{word}` is compared with the program without its folder, so this can never match");
                self.complain(at, said, Some("leave the folder out: `rm`, not `/bin/rm`".to_owned()));
            }
            _ => {}
        }
    }

    fn parts_of<'w>(&mut self, on: &On, entry: &Entry, words: impl Iterator<Item = &'w str>) {
        words.for_each(|word| self.part_of(on, entry.value.at, word, &entry.key));
    }

    fn not_absolute(&mut self, at: At, word: &str) {
        let hint = "name a place from the root, as in `/workspace`".to_owned();
        self.complain(at, format!("`{word}` is not an absolute path"), Some(hint));
    }

    fn scalar(&mut self, node: &Node) -> Option<Scalar> {
        match &node.kind {
            Kind::Bool(truth) => Some(Scalar::Bool(*truth)),
            Kind::Number(spelling) => {
                let number = written::number(spelling);
                if number.is_none() {
                    self.expected(node, "a number as JSON writes it, as in `-12.5`");
                }
                number
            }
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
            if !name.is_ascii() {
                let hint = "write it as programs ask for it, as in `xn--bcher-kva.example`".to_owned();
                self.complain(at, format!("`{word}` is no domain in plain letters"), Some(hint));
            } else if written::host_name(name).is_none_or(|host| name.ends_with('.') || host.starts_with('[')) {
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
                Some(_) if word.contains(NOT_PLAIN) => self.not_plain(at, word),
                Some(pattern) => patterns.push(pattern),
                None => self.not_plain(at, word),
            }
        }
        patterns
    }

    fn not_plain(&mut self, at: At, word: &str) {
        let hint = match begins_with_a_variable(word) {
            true => "leave the variable out: a command is compared without what is set for it",
            false => "write one program with its words, as in `rm -rf /`; flags match in any order",
        };
        self.complain(at, format!("`{word}` is not one plain command"), Some(hint.to_owned()));
    }
}

/// Whether a part of a host says a port, which no host has. In an address of IPv6, colons stand in brackets.
fn names_a_port(word: &str, question: &str) -> bool {
    let inside = question == "like" && word.starts_with('*') && word.ends_with('*');
    word.contains(':') && !inside && !word.contains(['[', ']'])
}

/// Whether no place has this part, as facts write places.
fn is_no_part_of_a_place(word: &str, question: &str) -> bool {
    let to_the_end = matches!(question, "like" | "ends");
    // The root is a place, too.
    let root = word == "/" || (question == "like" && word.trim_start_matches('*') == "/");
    let ends_odd = (word.ends_with('/') && !root) || word.ends_with("/.") || word.ends_with("/..");
    ["//", "/./", "/../"].iter().any(|odd| word.contains(odd)) || (to_the_end && ends_odd)
}

/// Whether its values are numbers, which facts write in one way.
pub(super) fn is_of_numbers(on: &On) -> bool {
    matches!(on, On::Role(role) if matches!(role.as_ref(), "amount" | "timeout"))
}

const PATH: &str = "path";
const URL: &str = "url";
const RECIPIENT: &str = "recipient";
const COMMAND: &str = "command";
/// What a shell would do something about.
const NOT_PLAIN: [char; 8] = ['*', '|', ';', '&', '$', '`', '<', '>'];

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
