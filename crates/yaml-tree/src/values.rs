//! Values of the kinds that keys take, and what is said of those that are of another.

use spelling::{did_you_mean, listed};

use crate::tree::{At, Entry, Kind, Node};

/// Reads values, and gathers what is wrong instead of stopping at it: a person sees all of it at once.
pub trait Values {
    /// Something is wrong here; a hint is the way out.
    fn wrong(&mut self, at: At, said: String, hint: Option<String>);

    /// A value is of another kind than what is meant here.
    fn expected(&mut self, node: &Node, what: &str) {
        self.wrong(node.at, format!("expected {what}, found {}", node.described()), None);
    }

    /// No such word here: names the nearest one, or all if they are few.
    fn unknown(&mut self, what: &str, at: At, word: &str, words: &[&str]) {
        let hint = did_you_mean(word, words.iter().copied()).or_else(|| match words {
            [] => None,
            some if some.len() > LISTED_MAX => None,
            some if what.starts_with("there is no") => Some(format!("there is {}", listed(some))),
            some => Some(format!("it takes {}", listed(some))),
        });
        self.wrong(at, format!("{what} `{word}`"), hint);
    }

    /// Keys and values; none where it is something else.
    fn entries<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            _ => {
                self.expected(node, "keys and values, as in `key: value`");
                &[]
            }
        }
    }

    /// The members of a list; none where it is something else.
    fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            Kind::List(members) => members,
            _ => {
                self.expected(node, "a list, as in `[one, two]`");
                &[]
            }
        }
    }

    /// `true` or `false`.
    fn truth(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(truth) => Some(truth),
            _ => {
                self.expected(node, "`true` or `false`");
                None
            }
        }
    }

    /// A text, or a number as it is spelt.
    fn word<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Text(word) | Kind::Number(word) if !word.trim().is_empty() => Some(word),
            _ => {
                self.expected(node, "a text");
                None
            }
        }
    }

    /// One text, or a list of at least one.
    fn words<'n>(&mut self, node: &'n Node) -> Vec<(At, &'n str)> {
        match &node.kind {
            Kind::List(members) if members.is_empty() => {
                let hint = "name at least one, or take the key out".to_owned();
                self.wrong(node.at, "an empty list matches nothing".to_owned(), Some(hint));
                Vec::new()
            }
            Kind::List(members) => members.iter().filter_map(|member| Some((member.at, self.word(member)?))).collect(),
            _ => self.word(node).map(|word| (node.at, word)).into_iter().collect(),
        }
    }

    /// A whole number in a range.
    fn whole(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let number = match &node.kind {
            Kind::Number(spelling) => spelling.parse::<u64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.expected(node, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    /// One of a few words.
    fn choice<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.word(node)?;
        self.chosen(node.at, word, what, choices)
    }

    /// What one of a few words stands for.
    fn chosen<T: Copy>(&mut self, at: At, word: &str, what: &str, choices: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.unknown(&format!("unknown {what}"), at, word, &names);
        None
    }
}

/// Most words that a hint lists.
const LISTED_MAX: usize = 24;
