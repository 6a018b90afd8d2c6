//! Reads a mapping with the place of everything in it, and says all that is wrong at once.

use std::collections::{BTreeMap, BTreeSet};

use json::{Release, ReleasePlan};
use model::{Class, Operation, ToolName};
use spelling::{did_you_mean, listed};
use yaml_tree::{At, Entry, Kind, Node};

use crate::mapping::{Entity, Mapped, Mapping, MappingError, names};

pub(crate) fn read(file: &str, text: &str) -> Result<Mapping, Vec<MappingError>> {
    let mut reader = Reader { file, of_tool: false, errors: Vec::new() };
    let root = match yaml_tree::read(text) {
        Ok(root) => root,
        Err(wrong) => {
            let error = MappingError {
                file: file.to_owned(),
                line: wrong.line,
                column: wrong.column,
                said: wrong.said,
                hint: wrong.hint,
            };
            return Err(vec![error]);
        }
    };
    let mapping = reader.mapping(&root);
    if reader.errors.is_empty() { Ok(mapping) } else { Err(reader.errors) }
}

struct Reader<'f> {
    file: &'f str,
    /// Whether what is read is a tool, whose parameters are names of arguments.
    of_tool: bool,
    errors: Vec<MappingError>,
}

/// Where a parameter of a request stands.
const PLACES: [&str; 3] = ["path.", "query.", "header."];

impl Reader<'_> {
    fn mapping(&mut self, root: &Node) -> Mapping {
        let mut mapping = Mapping {
            api: 0,
            base: String::new(),
            entities: BTreeMap::new(),
            operations: BTreeMap::new(),
            tools: BTreeMap::new(),
        };
        let keys = self.keys(root, &["api", "base", "entities", "operations", "tools"]);
        for entry in keys {
            match entry.key.as_str() {
                "api" => match self.number(&entry.value) {
                    Some(1) => mapping.api = 1,
                    _ => self.wrong(entry.value.at, "this is no version of the form that is known", "write `api: 1`"),
                },
                "base" => mapping.base = self.base(&entry.value),
                "entities" => {
                    for entity in self.entries(&entry.value) {
                        let read = self.entity(entity);
                        mapping.entities.insert(entity.key.clone(), read);
                    }
                }
                _ => {}
            }
        }
        let mut places: BTreeMap<(String, String), String> = BTreeMap::new();
        for entry in keys.iter().filter(|entry| entry.key == "operations") {
            for operation in self.entries(&entry.value) {
                if ToolName::of_list(&operation.key).is_err() {
                    let said = format!("`{}` cannot be the name of an operation", operation.key);
                    self.wrong(operation.at, said, "1 to 128 letters, digits, `_`, `-` and `.`");
                }
                let mapped = self.mapped(operation, &mapping.entities);
                let place = (mapped.method.clone(), without_names(&mapped.path));
                if let Some(other) = places.insert(place, operation.key.clone()) {
                    let said = format!("`{}` has the method and path of `{other}`", operation.key);
                    self.wrong(operation.at, said, "one operation for each; take one of them out");
                }
                mapping.operations.insert(operation.key.clone(), mapped);
            }
        }
        let has = |key: &str| keys.iter().find(|entry| entry.key == key);
        let needed: &[&str] = if has("tools").is_some() { &["api"] } else { &["api", "base", "operations"] };
        for key in needed {
            if has(key).is_none() && matches!(root.kind, Kind::Map(_)) {
                self.wrong(
                    root.at,
                    format!("`{key}` is missing"),
                    "`countersign apps import` proposes a whole mapping",
                );
            }
        }
        if let Some(tools) = has("tools") {
            if let Some(other) = has("operations").or(has("base")) {
                let said = format!("`{}` is of an HTTP API, and `tools` of an app that speaks MCP", other.key);
                self.wrong(other.at, said, "keep one of them");
            }
            self.tools(tools, &mut mapping);
        }
        mapping
    }

    fn tools(&mut self, tools: &Entry, mapping: &mut Mapping) {
        self.of_tool = true;
        for tool in self.entries(&tools.value) {
            if ToolName::of_list(&tool.key).is_err() {
                let said = format!("`{}` cannot be the name of a tool", tool.key);
                self.wrong(tool.at, said, "1 to 128 letters, digits, `_`, `-` and `.`");
            }
            let mapped = self.mapped(tool, &mapping.entities);
            mapping.tools.insert(tool.key.clone(), mapped);
        }
        self.of_tool = false;
    }

    fn base(&mut self, node: &Node) -> String {
        let text = self.text(node);
        let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let odd = |letter: char| {
            letter.is_whitespace() || letter.is_control() || matches!(letter, '?' | '#' | '@' | '\\' | '{')
        };
        if host.is_empty() || text.contains(odd) {
            self.wrong(node.at, format!("`{text}` is no address of an app"), "as in `https://api.example.com/v1`");
        }
        text.trim_end_matches('/').to_owned()
    }

    fn entity(&mut self, entry: &Entry) -> Entity {
        let mut entity = Entity::default();
        for entry in self.keys(&entry.value, &["id", "tenant", "state", "fields"]) {
            match entry.key.as_str() {
                "id" => entity.id = self.field(&entry.value),
                "tenant" => entity.tenant = self.field(&entry.value),
                "state" => entity.state = self.field(&entry.value),
                "fields" => entity.fields = self.list(&entry.value, Self::field),
                _ => {}
            }
        }
        entity
    }

    fn mapped(&mut self, operation: &Entry, entities: &BTreeMap<String, Entity>) -> Mapped {
        let mut mapped = Mapped {
            method: String::new(),
            path: String::new(),
            class: Class::Destructive,
            does: Operation::Act,
            entity: None,
            id: None,
            rows: None,
            total: None,
            cursor: None,
            page: None,
            page_max: None,
            tenant: None,
            selects: Vec::new(),
            sorts: Vec::new(),
            filters: BTreeMap::new(),
            expands: Vec::new(),
            passes: Vec::new(),
            body: Vec::new(),
            form: None,
        };
        let known: Vec<&str> =
            KEYS.iter().copied().filter(|key| !(self.of_tool && OF_REQUESTS.contains(key))).collect();
        let keys = self.keys(&operation.value, &known);
        for entry in keys {
            self.part(&mut mapped, entry, entities);
        }
        let needed: &[&str] = if self.of_tool { &["does"] } else { &["method", "path", "class", "does"] };
        for key in needed {
            if !keys.iter().any(|entry| entry.key == *key) && matches!(operation.value.kind, Kind::Map(_)) {
                let hint =
                    if self.of_tool { "`does` says what it is" } else { "method, path, class and does say what it is" };
                self.wrong(operation.at, format!("`{key}` is missing"), hint);
            }
        }
        self.parameters(&mapped, keys);
        mapped
    }

    fn part(&mut self, mapped: &mut Mapped, entry: &Entry, entities: &BTreeMap<String, Entity>) {
        let value = &entry.value;
        match entry.key.as_str() {
            "method" => mapped.method = self.one_of(value, &METHODS).unwrap_or_default(),
            "path" => mapped.path = self.path(value),
            "class" => {
                let words = Class::ALL.map(Class::as_str);
                let word = self.one_of(value, &words);
                mapped.class = word.and_then(|word| word.parse().ok()).unwrap_or(Class::Destructive);
            }
            "does" => {
                let words = Operation::ALL.map(Operation::as_str);
                let word = self.one_of(value, &words);
                let does = Operation::ALL.into_iter().find(|does| Some(does.as_str()) == word.as_deref());
                mapped.does = does.unwrap_or(Operation::Act);
            }
            "entity" => {
                let name = self.text(value);
                if !entities.contains_key(&name) {
                    let hint = did_you_mean(&name, entities.keys().map(String::as_str));
                    self.wrong_with(value.at, format!("there is no entity `{name}`"), hint);
                }
                mapped.entity = Some(name);
            }
            "id" => mapped.id = self.parameter_or_field(value),
            "rows" => mapped.rows = self.rows(value),
            "total" => mapped.total = self.of_answer(value),
            "cursor" => mapped.cursor = self.of_answer(value),
            "page" => mapped.page = self.parameter(value),
            "page_max" => {
                mapped.page_max = self.number(value);
                if mapped.page_max.is_none_or(|most| most == 0) {
                    self.wrong(value.at, "the largest page is a whole number from 1", "as in `page_max: 100`");
                }
            }
            "tenant" => mapped.tenant = self.parameter_or_field(value),
            "selects" => mapped.selects = self.list(value, Self::parameter),
            "sorts" => mapped.sorts = self.list(value, Self::parameter),
            "expands" => mapped.expands = self.list(value, Self::parameter),
            "passes" => mapped.passes = self.list(value, Self::parameter),
            "filters" => {
                for entry in self.entries(value) {
                    self.parameter_named(&entry.key, entry.at);
                    if let Some(field) = self.field(&entry.value) {
                        mapped.filters.insert(entry.key.clone(), field);
                    }
                }
            }
            "body" => mapped.body = self.list(value, Self::field),
            "form" => mapped.form = self.one_of(value, &["json", "lines", "csv"]),
            _ => {}
        }
    }

    /// What is named of the path stands in it, and what stands in it is named once.
    fn parameters(&mut self, mapped: &Mapped, keys: &[Entry]) {
        let in_path: BTreeSet<&str> = names(&mapped.path).collect();
        let of = |key: &str| keys.iter().find(|entry| entry.key == key).map(|entry| entry.value.at);
        let named = [
            ("id", mapped.id.as_slice()),
            ("tenant", mapped.tenant.as_slice()),
            ("passes", &mapped.passes),
            ("selects", &mapped.selects),
        ];
        for (key, parameters) in named {
            for name in parameters.iter().filter_map(|parameter| parameter.strip_prefix("path.")) {
                if !in_path.contains(name) {
                    let hint = did_you_mean(name, in_path.iter().copied());
                    self.wrong_with(of(key).unwrap_or_default(), format!("`{{{name}}}` is not in the path"), hint);
                }
            }
        }
        let of_tool = self.of_tool;
        let sent = |parameter: &Option<String>| {
            parameter.as_deref()?.strip_prefix("body.").filter(|_| !of_tool).map(str::to_owned)
        };
        for (key, field) in [("id", sent(&mapped.id)), ("tenant", sent(&mapped.tenant))] {
            let Some(field) = field else { continue };
            let at = of(key).unwrap_or_default();
            if !mapped.body.iter().any(|sent| field.strip_prefix(sent.as_str()).is_some_and(begins_below)) {
                let hint = did_you_mean(&field, mapped.body.iter().map(String::as_str))
                    .unwrap_or_else(|| "list it there".to_owned());
                self.wrong(at, format!("`{field}` is not among the fields of `body`"), hint);
            }
            if key == "id" && mapped.does != Operation::Create {
                let hint = "name what is looked up by in the path: `id: path.id`";
                self.wrong(at, "only a record that is made is named by its body", hint);
            }
        }
        // A field that is sent says whose the record becomes, and is taken for no more.
        if let (Some(at), None, true) = (of("tenant"), sent(&mapped.tenant), mapped.takes_a_word_for_whose()) {
            let hint = match (&mapped.tenant, self.of_tool) {
                (_, true) => "name the argument that names the record: `id: …`".to_owned(),
                (Some(tenant), false) if tenant.starts_with("path.") => {
                    format!("name the record: `id: path.…`; `id: {tenant}` where the path names that alone")
                }
                (_, false) => "name the record: `id: path.…`".to_owned(),
            };
            self.wrong(at, "whose record is changed would be the caller's word alone", hint);
        }
        if let (Some(at), true) = (of("page_max"), mapped.page.is_none()) {
            self.wrong(at, "`page_max` bounds nothing", "name the parameter it bounds: `page: query.limit`");
        }
        if let (Some(at), Some("csv" | "lines"), true) =
            (of("rows"), mapped.form.as_deref(), mapped.rows.as_deref().is_some_and(|rows| rows != "$"))
        {
            self.wrong(at, "in this form each line is a record", "write `rows: $`");
        }
    }

    fn path(&mut self, node: &Node) -> String {
        let text = self.text(node);
        let parts_fit = |part: &str| {
            let braces = part.matches(['{', '}']).count();
            let whole = part.starts_with('{') && part.ends_with('}') && braces == 2 && part.len() > 2;
            part != "." && part != ".." && (braces == 0 || whole)
        };
        let odd = |letter: char| !letter.is_ascii_graphic() || matches!(letter, '?' | '#' | '\\' | '%' | ';');
        // What vendors ask has no slash at its end, and neither has what leaves.
        let ends = text.len() > 1 && text.ends_with('/');
        let fits = text.starts_with('/')
            && !ends
            && !text.contains(odd)
            && !text.contains("//")
            && text.split('/').all(parts_fit);
        let all: Vec<&str> = names(&text).collect();
        let once = all.iter().collect::<BTreeSet<_>>().len() == all.len();
        if !fits || !once {
            let hint = "it begins with `/`, and a parameter is a whole part of it: `/candidates/{id}`";
            self.wrong(node.at, format!("`{text}` is no path of an operation"), hint);
        }
        text
    }

    fn rows(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node);
        if let Err(error) = Release::compile(&ReleasePlan::every(text.as_str())) {
            self.wrong(node.at, error.to_string(), "as in `$`, `$[*]` or `$.data[*]`");
        }
        Some(text)
    }

    fn of_answer(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node);
        let mut plan = ReleasePlan::every("$.rows[*]");
        plan.around = vec![text.clone()];
        if let Err(error) = Release::compile(&plan) {
            self.wrong(node.at, error.to_string(), "as in `$.total`");
        }
        Some(text)
    }

    fn field(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node);
        self.field_named(&text, node.at).then_some(text)
    }

    fn field_named(&mut self, text: &str, at: At) -> bool {
        let plan = Release::compile(&ReleasePlan::only("$", [text]));
        if let Err(error) = &plan {
            self.wrong(at, error.to_string(), "as in `employment.salary` or `jobs[].title`");
        }
        plan.is_ok()
    }

    fn parameter(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node);
        self.parameter_named(&text, node.at).then_some(text)
    }

    /// A parameter, or a field of what is sent.
    fn parameter_or_field(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node);
        match text.strip_prefix("body.").filter(|_| !self.of_tool) {
            Some(field) => self.field_named(field, node.at).then_some(text),
            None => self.parameter_named(&text, node.at).then_some(text),
        }
    }

    fn parameter_named(&mut self, text: &str, at: At) -> bool {
        if self.of_tool {
            let fits = !text.is_empty() && !text.chars().any(char::is_control);
            if !fits {
                self.wrong(at, "this is no name of an argument", "as in `candidate_id`");
            }
            return fits;
        }
        let name = PLACES.iter().find_map(|place| text.strip_prefix(place));
        let fits = name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        if !fits {
            self.wrong(
                at,
                format!("`{text}` is no parameter"),
                "as in `path.id`, `query.limit` or `header.accept-language`",
            );
        }
        fits
    }

    fn one_of(&mut self, node: &Node, words: &[&str]) -> Option<String> {
        let text = self.text(node);
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let hint = did_you_mean(&text, words.iter().copied()).unwrap_or_else(|| format!("one of {}", listed(words)));
        self.wrong(node.at, format!("`{text}` is not expected here"), hint);
        None
    }

    fn list(&mut self, node: &Node, read: fn(&mut Self, &Node) -> Option<String>) -> Vec<String> {
        match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| read(self, item)).collect(),
            Kind::Nothing => Vec::new(),
            _ => {
                self.wrong(
                    node.at,
                    format!("here is {}, and a list is wanted", node.described()),
                    "as in `[one, two]`",
                );
                Vec::new()
            }
        }
    }

    fn text(&mut self, node: &Node) -> String {
        match &node.kind {
            Kind::Text(text) | Kind::Number(text) => text.clone(),
            _ => {
                self.wrong_with(node.at, format!("here is {}, and a word is wanted", node.described()), None);
                String::new()
            }
        }
    }

    fn number(&mut self, node: &Node) -> Option<u64> {
        if let Kind::Number(text) = &node.kind { text.parse().ok() } else { None }
    }

    fn keys<'n>(&mut self, node: &'n Node, known: &[&str]) -> &'n [Entry] {
        let entries = self.entries(node);
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let hint = did_you_mean(&entry.key, known.iter().copied())
                .unwrap_or_else(|| format!("it knows {}", listed(known)));
            self.wrong(entry.at, format!("the key `{}` is not known here", entry.key), hint);
        }
        entries
    }

    fn entries<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Nothing => &[],
            _ => {
                self.wrong_with(
                    node.at,
                    format!("here is {}, and keys with values are wanted", node.described()),
                    None,
                );
                &[]
            }
        }
    }

    fn wrong(&mut self, at: At, said: impl Into<String>, hint: impl Into<String>) {
        self.wrong_with(at, said.into(), Some(hint.into()));
    }

    fn wrong_with(&mut self, at: At, said: String, hint: Option<String>) {
        let (line, column) = (at.line.max(1), at.column.max(1));
        self.errors.push(MappingError { file: self.file.to_owned(), line, column, said, hint });
    }
}

/// What is left of a field behind one that it is or stands in.
fn begins_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// Two paths that differ in the names of their parameters alone are one.
fn without_names(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// What only a request has. What a tool can do at its worst says its profile, or a person.
const OF_REQUESTS: [&str; 3] = ["method", "path", "class"];
const KEYS: &[&str] = &[
    "method", "path", "class", "does", "entity", "id", "rows", "total", "cursor", "page", "page_max", "tenant",
    "selects", "sorts", "filters", "expands", "passes", "body", "form",
];
