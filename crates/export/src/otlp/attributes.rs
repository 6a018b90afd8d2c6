//! What records say, under the names of the semantic conventions and our own.

use model::RuleId;
use trace::{ChangeView, Entry, OutcomeView};

use super::wire::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use crate::item::Decision;

/// Attributes in the making.
#[derive(Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn done(self) -> Vec<KeyValue> {
        self.0
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.put(key, Value::Text(value.to_owned()));
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.put(key, Value::Number(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.put(key, Value::Truth(value));
    }

    fn texts<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>) {
        let values = values.map(|value| AnyValue { value: Some(Value::Text(value.to_owned())) }).collect();
        self.put(key, Value::List(ArrayValue { values }));
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) });
    }

    pub(super) fn of_decision(&mut self, decision: &Decision) {
        let (entry, view) = (&decision.entry, &decision.view);
        self.text("mcp.method.name", view.method.as_str());
        if view.method == model::Method::ToolsCall {
            self.text("gen_ai.operation.name", "execute_tool");
            self.text("gen_ai.tool.name", &view.tool);
        }
        if matches!(view.method, model::Method::ResourcesRead | model::Method::Subscribe) {
            self.text("mcp.resource.uri", &view.tool);
        }
        self.text("gen_ai.agent.id", &view.agent);
        self.text("gen_ai.agent.name", &view.agent);
        self.text("countersign.call", view.call.as_str());
        self.text("countersign.app", &view.app);
        self.text("countersign.tool", &view.tool);
        self.text("countersign.human", view.human.as_deref().unwrap_or_default());
        self.text("countersign.task", view.task.as_deref().unwrap_or_default());
        self.text("countersign.wire", view.wire.as_deref().unwrap_or_default());
        self.text("countersign.class", view.class.as_str());
        self.text("countersign.class_source", view.class_source.as_str());
        self.text("countersign.verdict", view.verdict.as_str());
        self.text("countersign.would", view.observed.as_ref().map_or("", |observed| observed.verdict.as_str()));
        self.texts("countersign.rules", view.rules.iter().map(RuleId::as_str));
        self.text("countersign.because", view.because());
        self.text("countersign.bundle", &view.bundle.to_string());
        self.truth("countersign.security_relevant", decision.security_relevant);
        self.number("countersign.intent.sequence", entry.sequence);
        self.text("countersign.intent.leaf_hash", &entry.leaf_hash.to_string());
    }

    pub(super) fn of_outcome(&mut self, entry: &Entry, outcome: &OutcomeView) {
        self.text("countersign.effect", outcome.effect.as_str());
        self.text("countersign.status", outcome.status.as_str());
        self.text("countersign.code", outcome.code.as_deref().unwrap_or_default());
        if let Some(agrees) = outcome.agrees {
            self.truth("countersign.agrees", agrees);
        }
        if let Some(status) = outcome.http_status {
            self.number("http.response.status_code", u64::from(status));
        }
        if let Some(code) = outcome.rpc_code {
            self.text("rpc.response.status_code", &code.to_string());
        }
        self.text("countersign.wire.app", outcome.wire.as_deref().unwrap_or_default());
        self.text("countersign.credential", outcome.credential.as_deref().unwrap_or_default());
        self.number("countersign.hidden", u64::from(outcome.hidden.unwrap_or_default()));
        self.number("countersign.answer_bytes", outcome.answer_bytes);
        self.number("countersign.scrubbed", u64::from(outcome.scrubbed));
        self.number("countersign.took_us", u64::try_from(outcome.took_us).unwrap_or_default());
        self.number("countersign.outcome.sequence", entry.sequence);
        self.text("countersign.outcome.leaf_hash", &entry.leaf_hash.to_string());
    }

    pub(super) fn of_change(&mut self, entry: &Entry, change: &ChangeView) {
        self.text("countersign.what", &change.what);
        self.text("countersign.by", change.by.as_deref().unwrap_or_default());
        self.text("countersign.subject", change.subject.as_deref().unwrap_or_default());
        self.number("countersign.sequence", entry.sequence);
        self.text("countersign.leaf_hash", &entry.leaf_hash.to_string());
    }
}
