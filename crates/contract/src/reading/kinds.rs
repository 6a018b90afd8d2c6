//! The five ways in which a clause is honoured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Operation, Scalar};
use yaml_tree::{Entry, Kind as NodeKind, Node, Values};

use crate::agreement::{Before, Excludes, Head, Hours, Kind, Limits, NOBODY, NeedsHuman, Permits, PostHoc, Rate};
use crate::path::FieldPath;
use crate::reader::Reader;
use crate::words::EVERY;

type Fields = BTreeMap<Arc<str>, BTreeSet<FieldPath>>;

impl Reader {
    pub(super) fn kind(&mut self, entry: &Entry) -> Option<Kind> {
        match entry.key.as_str() {
            "permits" => self.permits(&entry.value).map(Kind::Permits),
            "excludes" => self.excludes(&entry.value).map(Kind::Excludes),
            "limits" => self.limits(&entry.value).map(Kind::Limits),
            "post_hoc" => self.post_hoc(&entry.value).map(Kind::PostHoc),
            _ => self.needs_human(&entry.value).map(Kind::NeedsHuman),
        }
    }

    fn permits(&mut self, node: &Node) -> Option<Permits> {
        let (mut entities, mut operations) = (BTreeSet::new(), BTreeSet::new());
        let (mut apps, mut fields, mut sends) = (BTreeSet::new(), Fields::new(), Fields::new());
        for Entry { key, value, .. } in self.map(node, PERMIT_KEYS, &["do", "entities"]) {
            match key.as_str() {
                "do" => operations = self.operations(value),
                "entities" => entities = self.set(value),
                "apps" => apps = self.ids(value),
                "fields" => fields = self.fields(value),
                "sends" => sends = self.fields(value),
                _ => {}
            }
        }
        for (what, of) in [("fields", &fields), ("sends", &sends)] {
            let strange: Vec<&Arc<str>> = of.keys().filter(|entity| !entities.contains(*entity)).collect();
            for entity in strange {
                let known: Vec<&str> = entities.iter().map(AsRef::as_ref).collect();
                self.unknown(
                    &format!("`{what}` names a kind of record that is not permitted here:"),
                    node.at,
                    entity,
                    &known,
                );
            }
        }
        let writes = [Operation::Create, Operation::Update].iter().any(|one| operations.contains(one));
        let unsaid: Vec<&str> =
            entities.iter().filter(|entity| !sends.contains_key(*entity)).map(AsRef::as_ref).collect();
        if writes && !unsaid.is_empty() {
            let said = format!("nothing is said of the fields of {} that may be sent", unsaid.join(", "));
            self.complain(node.at, said, Some("name them: `sends: {candidate: [status]}`"));
        }
        if entities.contains("all") {
            self.complain(
                node.at,
                "a contract permits kinds of records by name",
                Some("name each of them in `entities`"),
            );
        }
        (!entities.is_empty() && !operations.is_empty()).then_some(Permits {
            entities,
            operations,
            apps,
            fields,
            sends,
        })
    }

    fn excludes(&mut self, node: &Node) -> Option<Excludes> {
        let mut excludes = Excludes::default();
        for Entry { key, value, .. } in self.map(node, &["entities", "do", "fields"], &[]) {
            match key.as_str() {
                "entities" => excludes.entities = self.set(value),
                "do" => excludes.operations = self.operations(value),
                _ => excludes.fields = self.fields(value),
            }
        }
        let empty = excludes.entities.is_empty() && excludes.operations.is_empty() && excludes.fields.is_empty();
        if empty {
            self.complain(
                node.at,
                "this keeps nothing back",
                Some("name `fields`, `entities` or what is done in `do`"),
            );
        }
        if excludes.entities.contains("all") {
            let hint = "name each of them in `entities`; what no clause permits is refused without this";
            self.complain(node.at, "a contract keeps kinds of records back by name", Some(hint));
        }
        Some(excludes)
    }

    fn limits(&mut self, node: &Node) -> Option<Limits> {
        let mut limits = Limits::default();
        if !matches!(node.kind, NodeKind::Map(_)) {
            for (at, word) in self.words(node) {
                limits.head.extend(self.chosen(at, word, "part of the head", HEAD));
            }
            return Some(limits);
        }
        for Entry { key, value, .. } in self.map(node, LIMIT_KEYS, &[]) {
            match key.as_str() {
                "where" => limits.conditions = self.conditions(value),
                "requests" => limits.requests = self.rate(value, Rate::counted),
                "records" => limits.records = self.rate(value, Rate::counted),
                "bytes" => limits.bytes = self.rate(value, Rate::of_bytes),
                "records_at_once" => limits.records_at_once = self.whole(value, 1, 1_000_000),
                _ => {}
            }
        }
        if let Some(rate) = limits.requests.filter(|rate| rate.most > REQUESTS_MAX) {
            self.complain(node.at, format!("{} requests are more than are counted, {REQUESTS_MAX}", rate.most), None);
        }
        if limits == Limits::default() {
            let hint = "say `term`, `tenants` or `purposes`, or what is limited: `{requests: 600/hour}`";
            self.complain(node.at, "this limits nothing", Some(hint));
        }
        Some(limits)
    }

    fn rate(&mut self, node: &Node, parse: fn(&str) -> Result<Rate, String>) -> Option<Rate> {
        let word = self.word(node)?;
        parse(word).map_err(|error| self.complain(node.at, error, None)).ok()
    }

    /// `{candidate: {status: [active]}}`
    fn conditions(&mut self, node: &Node) -> BTreeMap<Arc<str>, BTreeMap<FieldPath, BTreeSet<Scalar>>> {
        let mut conditions: BTreeMap<Arc<str>, BTreeMap<FieldPath, BTreeSet<Scalar>>> = BTreeMap::new();
        for of in self.some_named(node) {
            let mut fields: BTreeMap<FieldPath, BTreeSet<Scalar>> = BTreeMap::new();
            for field in self.some_named(&of.value) {
                let Some(path) = self.parsed::<FieldPath>(field.at, &field.key) else { continue };
                if fields.keys().any(|known| known.is_same_as(&path)) {
                    let hint = "list all its values under one of them";
                    self.complain(field.at, format!("the field `{path}` stands here twice"), Some(hint));
                }
                fields.insert(path, self.scalars(&field.value));
            }
            conditions.insert(Arc::from(of.key.as_str()), fields);
        }
        conditions
    }

    fn scalars(&mut self, node: &Node) -> BTreeSet<Scalar> {
        let members: &[Node] = match &node.kind {
            NodeKind::List(members) => members,
            _ => std::slice::from_ref(node),
        };
        if members.is_empty() {
            self.complain(node.at, "an empty list matches nothing", Some("name at least one value"));
        }
        members.iter().filter_map(|member| self.scalar(member)).collect()
    }

    fn scalar(&mut self, node: &Node) -> Option<Scalar> {
        match &node.kind {
            NodeKind::Bool(truth) => Some(Scalar::Bool(*truth)),
            NodeKind::Number(spelt) => match spelt.parse() {
                Ok(whole) => Some(Scalar::Whole(whole)),
                Err(_) => Some(Scalar::Text(Arc::from(spelt.as_str()))),
            },
            NodeKind::Text(text) => Some(Scalar::Text(Arc::from(text.as_str()))),
            _ => {
                self.expected(node, "a value");
                None
            }
        }
    }

    fn post_hoc(&mut self, node: &Node) -> Option<PostHoc> {
        let (mut every_days, mut question, mut look_at) = (None, None, None);
        let (mut outside, mut at_most) = (None, None);
        for Entry { key, value, .. } in self.map(node, POST_HOC_KEYS, &["every"]) {
            match key.as_str() {
                "every" => every_days = self.choice(value, "stretch of time", EVERY),
                "question" => question = self.word(value).map(str::to_owned),
                "outside" => {
                    let text = self.word(value).map(str::to_owned);
                    outside = text.and_then(|text| self.parsed::<Hours>(value.at, &text));
                }
                "at_most" => at_most = self.rate(value, Rate::counted),
                _ => look_at = self.word(value).map(str::to_owned),
            }
        }
        let asks = question.is_some() || outside.is_some() || at_most.is_some();
        if !asks && look_at.is_none() {
            let hint = "ask the trace with `question`, or say in `look_at` what a person looks at";
            self.complain(node.at, "nothing is said of what is checked", Some(hint));
        }
        Some(PostHoc { every_days: every_days?, question, outside, at_most, look_at })
    }

    fn needs_human(&mut self, node: &Node) -> Option<NeedsHuman> {
        if !matches!(node.kind, NodeKind::Map(_)) {
            let who = self.word(node)?.to_owned();
            return Some(NeedsHuman { who, before: None });
        }
        let (mut who, mut before) = (None, None);
        for Entry { key, value, .. } in self.map(node, &["who", "before"], &["who"]) {
            match key.as_str() {
                "who" => who = self.word(value).map(str::to_owned),
                _ => before = self.before(value),
            }
        }
        let who = who?;
        if who == NOBODY && before.is_some() {
            let hint = "name in `who` the role or department that looks after it";
            self.complain(node.at, "`nobody` looks after it, and requests wait for a person by it", Some(hint));
        }
        Some(NeedsHuman { who, before })
    }

    fn before(&mut self, node: &Node) -> Option<Before> {
        let (mut entities, mut operations, mut approvers, mut approvals) =
            (BTreeSet::new(), BTreeSet::new(), Vec::new(), 1);
        for Entry { key, value, .. } in self.map(node, BEFORE_KEYS, &["approvers"]) {
            match key.as_str() {
                "entities" => entities = self.set(value),
                "do" => operations = self.operations(value),
                "approvers" => {
                    approvers = self.words(value).into_iter().map(|(_, word)| word.to_owned()).collect();
                }
                _ => approvals = self.whole(value, 1, 5).and_then(|most| u8::try_from(most).ok()).unwrap_or(1),
            }
        }
        for approver in &approvers {
            let known = ["role:", "human:", "owner-of-app", "manager-of"].iter().any(|word| approver.starts_with(word));
            if !known {
                let said = format!("`{approver}` names nobody who can approve");
                self.complain(node.at, said, Some("it takes `role:…`, `human:…` or `owner-of-app`"));
            }
        }
        if entities.contains("all") {
            let hint = "leave `entities` out: then every kind of record waits";
            self.complain(node.at, "`all` is no kind of record that waits", Some(hint));
        }
        Some(Before { entities, operations, approvers, approvals })
    }

    fn operations(&mut self, node: &Node) -> BTreeSet<Operation> {
        let choices = Operation::ALL.map(|operation| (operation.as_str(), operation));
        let words = self.words(node);
        words.into_iter().filter_map(|(at, word)| self.chosen(at, word, "thing to do", &choices)).collect()
    }

    /// `{candidate: [name, employment.title]}`
    fn fields(&mut self, node: &Node) -> Fields {
        let mut fields = Fields::new();
        for of in self.some_named(node) {
            let words = self.words(&of.value);
            let paths = words.into_iter().filter_map(|(at, word)| self.parsed::<FieldPath>(at, word)).collect();
            fields.insert(Arc::from(of.key.as_str()), paths);
        }
        fields
    }
}

pub(super) const PERMIT_KEYS: &[&str] = &["do", "entities", "apps", "fields", "sends"];
pub(super) const LIMIT_KEYS: &[&str] = &["where", "requests", "records", "bytes", "records_at_once"];
pub(super) const POST_HOC_KEYS: &[&str] = &["every", "question", "outside", "at_most", "look_at"];
pub(super) const BEFORE_KEYS: &[&str] = &["entities", "do", "approvers", "approvals"];
const HEAD: &[(&str, Head)] = &[("term", Head::Term), ("tenants", Head::Tenants), ("purposes", Head::Purposes)];
/// Most requests that are counted in a stretch of time.
const REQUESTS_MAX: u64 = 1_000_000;
