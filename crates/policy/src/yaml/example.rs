//! `examples:`: what a rule file promises of itself. They are checked whenever it is loaded.

use model::{AgentId, AppId, Class, HumanId, ToolName, UnixMicros, Verdict};
use serde_json::{Map, Number, Value};
use yaml_tree::{At, Entry, Kind, Node, Values as _};

use super::reader::Reader;
use crate::error::PolicyError;

/// A call, and what is to become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The file it stands in.
    pub file: std::sync::Arc<str>,
    /// The line it begins on.
    pub line: u32,
    /// The column it begins at.
    pub column: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who acts.
    pub agent: AgentId,
    /// For whom.
    pub human: HumanId,
    /// Where.
    pub app: AppId,
    /// With what.
    pub tool: ToolName,
    /// With which arguments: an object.
    pub arguments: Value,
    /// When, if that matters.
    pub now: Option<UnixMicros>,
    /// The class of the tool, where no profile says.
    pub class: Option<Class>,
    /// What becomes of it.
    pub expect: Verdict,
    /// The rule that says so, if that matters.
    pub rule: Option<String>,
}

impl Example {
    /// What is wrong with this example, and the way out.
    pub fn refused(&self, said: String, hint: Option<String>) -> PolicyError {
        PolicyError::new(&self.file, (self.line, self.column), said, hint)
    }
}

impl Reader<'_> {
    pub(super) fn examples(&mut self, node: &Node) {
        for one in self.list(node) {
            let entries = self.entries(one);
            for entry in entries {
                if !EXAMPLE_KEYS.contains(&entry.key.as_str()) {
                    self.unknown_key(entry, EXAMPLE_KEYS);
                }
            }
            let at = entries.first().map_or(one.at, |entry| entry.at);
            let example = self.example(at, entries);
            self.reading.examples.extend(example);
        }
    }

    fn example(&mut self, at: At, entries: &[Entry]) -> Option<Example> {
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let mut needed = |key: &str| {
            let found = find(key);
            if found.is_none() {
                self.complain(at, format!("this example has no `{key}`"), Some(EXAMPLE.to_owned()));
            }
            found
        };
        let (who, what, expect) = (needed("as")?, needed("tool")?, needed("expect")?);
        let (agent, human) = self.pair(&who.value, "an agent, a slash and a person")?;
        let agent = self.one_of_known(who.value.at, "agent", agent)?;
        let human = self.one_of_known(who.value.at, "person", human)?;
        let (app, tool) = self.pair(&what.value, "an app, a slash and a tool")?;
        let app = self.one_of_known(what.value.at, "app", app)?;
        let tool = ToolName::parse(tool).ok()?;
        let choices = Verdict::ALL.map(|verdict| (verdict.as_str(), verdict));
        let expect = self.choice(&expect.value, "verdict", &choices)?;
        let arguments = match find("arguments") {
            Some(entry) => Value::Object(
                self.entries(&entry.value).iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect(),
            ),
            None => Value::Object(Map::new()),
        };
        let now = match find("now") {
            Some(entry) => Some(self.moment(&entry.value)?),
            None => None,
        };
        let class = match find("class") {
            Some(entry) => {
                Some(self.choice(&entry.value, "class", &Class::ALL.map(|class| (class.as_str(), class)))?)
            }
            None => None,
        };
        let name = find("name").and_then(|entry| self.word(&entry.value)).map(str::to_owned);
        let rule = match find("rule") {
            Some(entry) => Some(self.word(&entry.value)?.to_owned()),
            None => None,
        };
        Some(Example {
            file: std::sync::Arc::clone(&self.name),
            line: at.line,
            column: at.column,
            name,
            agent: AgentId::parse(&agent).ok()?,
            human: HumanId::parse(&human).ok()?,
            app: AppId::parse(&app).ok()?,
            tool,
            arguments,
            now,
            class,
            expect,
            rule,
        })
    }

    fn pair<'n>(&mut self, node: &'n Node, what: &str) -> Option<(&'n str, &'n str)> {
        let pair = self.word(node)?.split_once('/');
        if pair.is_none() {
            self.expected(node, what);
        }
        pair
    }

    fn one_of_known(&mut self, at: At, kind: &str, word: &str) -> Option<String> {
        let known: Vec<&str> = match kind {
            "agent" => self.known.agents.iter().map(AgentId::as_str).collect(),
            "person" => self.known.people.iter().map(HumanId::as_str).collect(),
            _ => self.known.apps.keys().map(AppId::as_str).collect(),
        };
        if known.contains(&word) {
            return Some(word.to_owned());
        }
        self.unknown(&format!("there is no {kind}"), at, word, &known);
        None
    }

    fn moment(&mut self, node: &Node) -> Option<UnixMicros> {
        let word = self.word(node)?;
        match word.parse::<jiff::Timestamp>() {
            Ok(time) => Some(UnixMicros(time.as_microsecond())),
            Err(_) => {
                self.expected(node, "a moment, as in `2026-12-20T00:00:00Z`");
                None
            }
        }
    }
}

fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Nothing => Value::Null,
        Kind::Bool(truth) => Value::Bool(*truth),
        Kind::Number(spelling) => match spelling.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(spelling.clone()),
        },
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(members) => Value::Array(members.iter().map(json).collect()),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect())
        }
    }
}

pub(crate) const EXAMPLE_KEYS: &[&str] = &["name", "as", "tool", "arguments", "now", "class", "expect", "rule"];
const EXAMPLE: &str = "write `{as: agent/person, tool: app/tool, arguments: {…}, expect: deny}`";
