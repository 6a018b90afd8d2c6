//! When a rule applies, before it is Cedar.

use crate::named_test::NamedTest;

/// When a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Always,
    /// Cedar, in brackets where it needs them.
    Fact(String),
    /// Cedar about a fact that may be unknown. `known` is the question whether it is, `there` whether what is asked for has such
    /// a fact at all. What is there and unknown may be anything.
    IfKnown {
        known: &'static str,
        there: &'static str,
        fact: String,
    },
    /// Of the values there are. `or_none`: of no values it is true, where a rule that permits asks.
    Test {
        test: NamedTest,
        or_none: bool,
    },
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Which way it does no harm to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    /// A rule that permits applies only where it surely does.
    Permit,
    /// A rule that restricts applies where it perhaps does.
    Restrict,
}

/// The tests that conditions name, with their names.
#[derive(Debug, Default)]
pub(crate) struct Tests(pub(crate) Vec<(String, NamedTest)>);

// === impl Condition ===

impl Condition {
    pub(crate) fn test(test: NamedTest) -> Self {
        Self::Test { test, or_none: false }
    }

    /// Of what a call of a tool costs. What else is asked for (resources, tasks, the level of log messages) is judged by its method,
    /// and costs nothing.
    pub(crate) fn of_cost(fact: String) -> Self {
        Self::IfKnown { known: "resource has cost", there: "resource.class_source != \"method\"", fact }
    }

    pub(crate) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(crate) fn is_always(&self) -> bool {
        match self {
            Self::Always => true,
            Self::All(all) => all.iter().all(Self::is_always),
            _ => false,
        }
    }

    /// The same with every test replaced.
    pub(crate) fn with_tests(self, replace: &dyn Fn(&NamedTest) -> NamedTest) -> Self {
        let all = |all: Vec<Self>| all.into_iter().map(|one| one.with_tests(replace)).collect();
        match self {
            Self::Test { test, or_none } => Self::Test { test: replace(&test), or_none },
            Self::Not(inner) => inner.with_tests(replace).not(),
            Self::All(members) => Self::All(all(members)),
            Self::Any(members) => Self::Any(all(members)),
            other => other,
        }
    }

    /// Shows every test, and which way it is asked.
    pub(crate) fn each_test(&self, towards: Towards, look: &mut dyn FnMut(&NamedTest, Towards)) {
        match self {
            Self::Always | Self::Fact(_) | Self::IfKnown { .. } => {}
            Self::Test { test, .. } => look(test, towards),
            Self::Not(inner) => inner.each_test(towards.turned(), look),
            Self::All(members) | Self::Any(members) => {
                for member in members {
                    member.each_test(towards, look);
                }
            }
        }
    }

    /// As Cedar. The tests it names are added to `tests`.
    pub(crate) fn cedar(&self, towards: Towards, tests: &mut Tests) -> String {
        match self {
            Self::Always => "true".to_owned(),
            Self::Fact(fact) => fact.clone(),
            Self::IfKnown { known, there, fact } => match towards {
                Towards::Permit => format!("({known} && {fact})"),
                Towards::Restrict => format!("(if {known} then {fact} else {there})"),
            },
            Self::Test { test, or_none } => match towards {
                Towards::Restrict => named("some", test, tests),
                Towards::Permit if *or_none => named("every", test, tests),
                Towards::Permit => {
                    let given = test.given();
                    if given == *test {
                        return named("every", test, tests);
                    }
                    format!("({} && {})", named("every", test, tests), named("every", &given, tests))
                }
            },
            Self::Not(inner) => format!("!({})", inner.cedar(towards.turned(), tests)),
            Self::All(all) => {
                let all = all.iter().filter(|one| !one.is_always());
                joined(" && ", all.map(|one| one.cedar(towards, tests)).collect(), "true")
            }
            Self::Any(any) => joined(" || ", any.iter().map(|one| one.cedar(towards, tests)).collect(), "false"),
        }
    }
}

impl Towards {
    pub(crate) fn turned(self) -> Self {
        match self {
            Self::Permit => Self::Restrict,
            Self::Restrict => Self::Permit,
        }
    }
}

/// A text as Cedar writes it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The inside of a text as Cedar writes it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out
}

/// A set of texts as Cedar writes it.
pub(crate) fn set<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(", "))
}

/// In a balanced tree, for what reads Cedar goes one step deeper with every operator.
fn joined(operator: &str, mut parts: Vec<String>, nothing: &str) -> String {
    if parts.is_empty() {
        return nothing.to_owned();
    }
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut pairs = parts.into_iter();
        while let Some(one) = pairs.next() {
            next.push(match pairs.next() {
                Some(other) => format!("({one}{operator}{other})"),
                None => one,
            });
        }
        parts = next;
    }
    parts.concat()
}

fn named(set: &str, test: &NamedTest, tests: &mut Tests) -> String {
    let name = test.name();
    let cedar = format!("context.{set}.contains({})", quoted(&name));
    tests.0.push((name, test.clone()));
    cedar
}
