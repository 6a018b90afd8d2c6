//! What rules ask of arguments and of the time, worked out before Cedar is asked.
//!
//! Cedar cannot compare many values with many, cut a path, split a command or tell the time in Berlin. So each such question
//! is a test with a name that says what it asks (`path under /workspace`), and Cedar is told which names hold: for every
//! value, and for at least one.
//!
//! Where something is in doubt, the two sets fall apart in the direction that restricts: a value that could not be read
//! passes no test in `every` and each test in `some`. Rules that permit ask `every`, rules that restrict ask `some`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use model::{ArgumentFacts, Digest, Facts, Method, Scalar, ToolName};

use crate::command::{CommandPattern, Matches};
use crate::glob::Glob;
use crate::window::Window;

mod text;

/// One question with its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedTest {
    pub(crate) on: On,
    pub(crate) is: Is,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum On {
    /// The values of a role: `repo`.
    Role(Arc<str>),
    /// An argument by its dotted name.
    Argument(Arc<str>),
    /// The moment of the call.
    Time,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Is {
    /// There is a value.
    Given,
    /// Whatever there is could be read.
    Readable,
    /// It is one of these.
    OneOf(Vec<Wanted>),
    /// It begins with one of these.
    Begins(Vec<String>),
    /// It ends with one of these.
    Ends(Vec<String>),
    /// It is one of these folders, or lies in it.
    Under(Vec<String>),
    /// It is an address at one of these domains.
    At(Vec<String>),
    /// It is a number in this range.
    Number(Range),
    /// It is a text of more characters than this.
    LongerThan(u64),
    /// It is one of these commands, whatever else it says.
    Command(Vec<CommandPattern>),
    /// It is a time in this window.
    In(Window),
}

/// A value as a rule writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// Exactly this.
    Exactly(Scalar),
    /// This number, or the text it is written as: `1.10` is the number 1.1 and the text `1.10`.
    Spelled(Scalar, Arc<str>),
    /// Anything like this.
    Like(Glob),
}

/// Bounds of a number, as they are written and as they are compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Range {
    pub(crate) above: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) below: Option<f64>,
    pub(crate) at_most: Option<f64>,
}

/// What profiles say of an app.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Described {
    /// The digest of what they say.
    pub(crate) by: Option<Digest>,
    /// The tools whose arguments they describe.
    pub(crate) tools: BTreeSet<ToolName>,
    /// What joins the parts of a role's values, where that is no slash.
    pub(crate) joins: BTreeMap<Arc<str>, Arc<str>>,
}

/// Whether a test holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holds {
    pub(crate) every: bool,
    pub(crate) some: bool,
}

/// How a value fares: for rules that permit, and for rules that restrict.
struct Passes {
    surely: bool,
    perhaps: bool,
}

// === impl Wanted ===

impl Wanted {
    /// A number as a rule spells it.
    pub(crate) fn number(number: Scalar, spelling: &str) -> Self {
        if words_of(&number) == spelling { Self::Exactly(number) } else { Self::Spelled(number, Arc::from(spelling)) }
    }

    /// The value without the marks around it.
    fn plain(&self) -> String {
        match self {
            Self::Exactly(Scalar::Bool(value)) => value.to_string(),
            Self::Exactly(Scalar::Whole(value)) => value.to_string(),
            Self::Exactly(Scalar::Decimal(value)) => value.clone(),
            Self::Exactly(Scalar::Text(value)) => value.to_string(),
            Self::Spelled(_, spelling) => spelling.to_string(),
            Self::Like(glob) => glob.as_str().to_owned(),
        }
    }
}

// === impl NamedTest ===

impl NamedTest {
    pub(crate) fn of_role(role: &str, is: Is) -> Self {
        Self { on: On::Role(Arc::from(role)), is }
    }

    /// The test whether there is a value at all.
    pub(crate) fn given(&self) -> Self {
        Self { on: self.on.clone(), is: Is::Given }
    }

    /// The name: what is asked, in words. Two tests have one name only if they ask the same.
    pub(crate) fn name(&self) -> String {
        let mut name = match &self.on {
            On::Role(role) => role.to_string(),
            On::Argument(name) if name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) => {
                format!("argument {name}")
            }
            On::Argument(name) => format!("argument {name:?}"),
            On::Time => "time".to_owned(),
        };
        let written = write!(name, " {}", self.is);
        debug_assert!(written.is_ok(), "a text takes everything");
        name
    }

    /// The values it looks for, as they are written: what an argument would have to be for it to turn out another way.
    pub(crate) fn looks_for(&self) -> Vec<String> {
        match &self.is {
            Is::Given | Is::Readable | Is::LongerThan(_) | Is::In(_) => Vec::new(),
            Is::OneOf(values) => values.iter().map(Wanted::plain).collect(),
            Is::Begins(words) | Is::Ends(words) | Is::Under(words) | Is::At(words) => words.clone(),
            Is::Number(range) => {
                let bounds = [range.above, range.at_least, range.below, range.at_most];
                bounds.into_iter().flatten().map(|bound| bound.to_string()).collect()
            }
            Is::Command(commands) => commands.iter().map(ToString::to_string).collect(),
        }
    }

    /// Works it out. Of a tool whose arguments nobody described nothing can be told by role.
    pub(crate) fn ask(&self, facts: &Facts, described: &Described) -> Holds {
        let arguments = &facts.arguments;
        match &self.on {
            On::Time => {
                let holds = matches!(&self.is, Is::In(window) if window.holds(facts.now));
                Holds { every: holds, some: holds }
            }
            On::Role(role) => {
                let values = arguments.roles.get(role).map(Vec::as_slice).unwrap_or_default();
                let unknown = facts.method == Method::ToolsCall && !described.tools.contains(&facts.tool.name);
                let unclear = unknown || arguments.unclear.contains(role);
                let joins = ["/", described.joins.get(role).map_or("/", AsRef::as_ref)];
                // Other roles are no names of things.
                let parted = if KINDS_WITH_OWN_READING.contains(&role.as_ref()) { &[] } else { joins.as_slice() };
                self.over(values.iter().map(|value| self.passes(None, value, parted)), unclear)
            }
            On::Argument(name) => {
                let values = arguments.values.get(name).map(Vec::as_slice).unwrap_or_default();
                let unclear = arguments.unclear.contains(&ArgumentFacts::unclear_argument(name));
                self.over(values.iter().map(|value| self.passes(Some(value), &words_of(value), &[])), unclear)
            }
        }
    }

    fn over(&self, values: impl Iterator<Item = Passes>, unclear: bool) -> Holds {
        let (mut every, mut some, mut given) = (true, false, false);
        for Passes { surely, perhaps } in values {
            (every, some, given) = (every && surely, some || perhaps, true);
        }
        let every = match self.is {
            Is::Given => given,
            _ => every,
        };
        Holds { every: every && !unclear, some: some || unclear }
    }

    fn passes(&self, scalar: Option<&Scalar>, value: &str, parted: &[&str]) -> Passes {
        let exactly = |holds: bool| Passes { surely: holds, perhaps: holds };
        let doubtful = Passes { surely: false, perhaps: true };
        match &self.is {
            Is::Given | Is::Readable => exactly(true),
            Is::OneOf(wanted) => Passes {
                surely: wanted.iter().any(|wanted| text::is_surely(wanted, scalar, value)),
                perhaps: wanted.iter().any(|wanted| text::is_perhaps(wanted, value, parted)),
            },
            Is::Begins(starts) => Passes {
                surely: starts.iter().any(|start| value.starts_with(start.as_str())),
                perhaps: starts.iter().any(|start| text::lower(value).starts_with(&text::lower(start))),
            },
            Is::Ends(ends) => Passes {
                surely: ends.iter().any(|end| value.ends_with(end.as_str())),
                perhaps: ends.iter().any(|end| text::lower(value).ends_with(&text::lower(end))),
            },
            Is::Under(folders) => folders.iter().fold(exactly(false), |all, folder| {
                let under = text::is_under(value, folder);
                let perhaps = || text::is_under(&text::lower(value), &text::lower(folder)) != Some(false);
                Passes { surely: all.surely || under == Some(true), perhaps: all.perhaps || perhaps() }
            }),
            // Its values are hosts.
            Is::At(domains) if matches!(&self.on, On::Role(role) if role.as_ref() == "url") => {
                exactly(text::is_at(value, domains))
            }
            Is::At(domains) => match text::domains(value) {
                Some(named) => Passes {
                    surely: named.iter().all(|domain| text::is_at(domain, domains)),
                    perhaps: named.iter().any(|domain| text::is_at(domain, domains)),
                },
                None => doubtful,
            },
            Is::Number(range) => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => exactly(range.holds(number)),
                _ => doubtful,
            },
            Is::LongerThan(length) => exactly(value.chars().count() as u64 > *length),
            Is::Command(patterns) => patterns.iter().fold(exactly(false), |all, pattern| {
                let matches = pattern.matches(value);
                Passes {
                    surely: all.surely || matches == Matches::Surely,
                    perhaps: all.perhaps || matches != Matches::No,
                }
            }),
            Is::In(_) => exactly(false),
        }
    }
}

// === impl Is ===

impl Is {
    /// A byte of the first text it compares with; none where that is no text.
    pub(crate) fn first(&self) -> Option<u8> {
        match self {
            Self::Begins(texts) | Self::Ends(texts) | Self::Under(texts) | Self::At(texts) => {
                texts.first()?.as_bytes().first().copied()
            }
            _ => None,
        }
    }

    /// The same of values that come in small letters.
    pub(crate) fn in_small_letters(&self) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|text| text::lower(text)).collect();
        match self {
            Self::OneOf(wanted) => Self::OneOf(wanted.iter().map(Wanted::in_small_letters).collect()),
            Self::Begins(starts) => Self::Begins(lower(starts)),
            Self::Ends(ends) => Self::Ends(lower(ends)),
            other => other.clone(),
        }
    }
}

impl Wanted {
    fn in_small_letters(&self) -> Self {
        match self {
            Self::Exactly(Scalar::Text(text)) => Self::Exactly(Scalar::Text(Arc::from(text::lower(text)))),
            Self::Spelled(number, spelling) => Self::Spelled(number.clone(), Arc::from(text::lower(spelling))),
            Self::Like(glob) => Self::Like(Glob::new(&text::lower(glob.as_str()))),
            other => other.clone(),
        }
    }
}

// === impl Range ===

impl Range {
    fn holds(&self, number: f64) -> bool {
        self.above.is_none_or(|bound| number > bound)
            && self.at_least.is_none_or(|bound| number >= bound)
            && self.below.is_none_or(|bound| number < bound)
            && self.at_most.is_none_or(|bound| number <= bound)
    }

    /// Whether no number is in it.
    pub(crate) fn is_empty(&self) -> bool {
        let low = [self.above, self.at_least].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
        let high = [self.below, self.at_most].into_iter().flatten().fold(f64::INFINITY, f64::min);
        low > high || (low == high && !self.holds(low))
    }
}

// === impl Display ===

impl fmt::Display for Is {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given"),
            Self::Readable => f.write_str("readable"),
            Self::OneOf(wanted) => {
                let verb = if wanted.iter().all(|one| matches!(one, Wanted::Like(_))) { "like" } else { "is" };
                write!(
                    f,
                    "{verb} {}",
                    listed(wanted.iter().map(|one| match (one, verb) {
                        (Wanted::Like(glob), "is") => format!("like {}", quoted(glob.as_str())),
                        (Wanted::Like(glob), _) => quoted(glob.as_str()),
                        (Wanted::Exactly(Scalar::Text(text)), _) => quoted(text),
                        (Wanted::Exactly(Scalar::Bool(truth)), _) => format!("the truth value {truth}"),
                        (Wanted::Exactly(number), _) => format!("the number {}", words_of(number)),
                        (Wanted::Spelled(_, spelling), _) => format!("the number {spelling}"),
                    }))
                )
            }
            Self::Begins(starts) => write!(f, "beginning with {}", listed(starts.iter().map(|text| quoted(text)))),
            Self::Ends(ends) => write!(f, "ending with {}", listed(ends.iter().map(|text| quoted(text)))),
            Self::Under(folders) => write!(f, "under {}", listed(folders.iter().map(|text| quoted(text)))),
            Self::At(domains) => write!(f, "at {}", listed(domains.iter().map(|text| quoted(text)))),
            Self::Number(range) => range.fmt(f),
            Self::LongerThan(length) => write!(f, "longer than {length} characters"),
            Self::Command(patterns) => {
                write!(f, "runs {}", listed(patterns.iter().map(|pattern| quoted(&pattern.to_string()))))
            }
            Self::In(window) => write!(f, "{window}"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => f.write_str(&words_of(value)),
            Self::Spelled(_, spelling) => f.write_str(spelling),
            Self::Like(glob) => f.write_str(glob.as_str()),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds =
            [("above", self.above), ("at least", self.at_least), ("below", self.below), ("at most", self.at_most)];
        let said: Vec<String> =
            bounds.iter().filter_map(|(word, bound)| Some(format!("{word} {}", (*bound)?))).collect();
        f.write_str(&said.join(" and "))
    }
}

/// The value as people write it.
fn words_of(value: &Scalar) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Whole(number) => number.to_string(),
        Scalar::Decimal(number) => number.clone(),
        Scalar::Text(text) => text.to_string(),
    }
}

fn listed(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// A word that could be taken for more than itself stands in quotes.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty()
        && word.trim() == word
        && word.chars().all(|c| c.is_alphanumeric() || " ._-/@:*+=~#%".contains(c))
        && !word.starts_with("the ")
        && !word.starts_with("like ");
    if plain { word.to_owned() } else { format!("{word:?}") }
}

/// Roles whose values are no names of things.
const KINDS_WITH_OWN_READING: &[&str] =
    &["path", "url", "recipient", "command", "amount", "content", "explanation", "timeout"];

#[cfg(test)]
mod tests;
