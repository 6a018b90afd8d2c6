use super::wire::{MetricsRequest, any_value::Value};
use super::*;
use crate::samples::{Log, about, change, intent, outcome};

fn of(items: &[Item]) -> Vec<Span> {
    let mut request = TraceRequest::decode(spans(items, &about()).unwrap().as_slice()).unwrap();
    request.resource_spans.remove(0).scope_spans.remove(0).spans
}

fn said<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|one| one.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn a_call_is_one_span_from_its_decision_to_its_outcome() {
    let log = Log::with_calls(1..3);
    let spans = of(&log.items());
    let [ran, refused] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(ran.end_time_unix_nano - ran.start_time_unix_nano, 500_000);
    assert_eq!(refused.end_time_unix_nano, refused.start_time_unix_nano);
    assert_eq!((ran.name.as_str(), ran.trace_id.len(), ran.span_id.len()), ("tools/call customers.find", 16, 8));
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "customers.find"),
        ("gen_ai.agent.id", "helper"),
        ("countersign.verdict", "allow"),
        ("countersign.effect", "executed"),
        ("error.type", "tool_error"),
    ] {
        assert_eq!(said(ran, key), Some(&text(value)), "{key}");
    }
    assert_eq!(said(refused, "countersign.security_relevant"), Some(&Value::Truth(true)));
    assert_eq!(said(ran, "countersign.security_relevant"), Some(&Value::Truth(false)));
    assert_eq!(refused.status.as_ref().unwrap().code, STATUS_ERROR);
    assert_eq!(ran.links.len(), 1, "the call that caused it");
}

/// Whoever traces an agent finds what was decided about its calls under the spans in which it made them.
#[test]
fn a_call_is_part_of_the_trace_in_which_it_was_made() {
    let parent = model::TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    let mut log = Log::new();
    let traced = trace::Intent { trace_parent: Some(parent), ..intent(1, Verdict::Allow, false) };
    log.add(&[trace::Row::of_intent(&traced).unwrap(), trace::Row::of_outcome(&outcome(1)).unwrap()]);
    let span = of(&log.items()).remove(0);
    assert_eq!((span.trace_id.as_slice(), span.parent_span_id.as_slice()), (&parent.trace()[..], &parent.span()[..]));
    assert_eq!((span.flags, span.span_id.len()), (0x301, 8));
    assert_ne!(span.span_id, span.parent_span_id);
    assert_eq!(span.links[0].trace_id, span.trace_id, "the call that caused it is of the same trace");
    let alone = of(&Log::with_calls(1..2).items()).remove(0);
    assert_eq!((alone.parent_span_id.len(), alone.flags), (0, 0));
}

#[test]
fn addresses_of_resources_are_no_names_of_spans() {
    let mut log = Log::new();
    let uri = "files://remote/7/report.txt";
    let read = trace::Intent {
        method: Method::ResourcesRead,
        tool: model::ToolName::parse(uri).unwrap(),
        ..intent(1, Verdict::Allow, false)
    };
    log.add(&[trace::Row::of_intent(&read).unwrap(), trace::Row::of_outcome(&outcome(1)).unwrap()]);
    let spans = of(&log.items());
    assert_eq!(spans[0].name, "resources/read");
    assert_eq!(said(&spans[0], "mcp.resource.uri"), Some(&text(uri)));
}

#[test]
fn an_outcome_that_comes_alone_finds_its_decision() {
    let log = Log::with_calls(0..1);
    let outcome = log.items().pop().unwrap();
    let reader = log.reader();
    let alone = crate::Calls::default().items(&reader, vec![outcome.entry]).unwrap();
    assert_eq!(of(&alone), of(&log.items()));
}

#[test]
fn a_change_is_a_moment() {
    let mut log = Log::new();
    log.add(&[trace::Row::of_change(&change(9)).unwrap()]);
    let spans = of(&log.items());
    assert_eq!(spans[0].name, "countersign.change people.offboard");
    assert_eq!(said(&spans[0], "countersign.by"), Some(&text("os-user:root")));
}

#[test]
fn metrics_count_calls_and_how_long_apps_took() {
    let items = Log::with_calls(0..6).items();
    let mut request = MetricsRequest::decode(metrics(&items, &about()).unwrap().as_slice()).unwrap();
    let metrics = request.resource_metrics.remove(0).scope_metrics.remove(0).metrics;
    let counts: i64 = metrics[0].sum.as_ref().unwrap().data_points.iter().filter_map(|point| point.as_int).sum();
    assert_eq!((metrics[0].name.as_str(), counts), ("countersign.calls", 6));
    let points = &metrics[1].histogram.as_ref().unwrap().data_points;
    assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), 4);
    assert!(points.iter().all(|point| point.bucket_counts.len() == point.explicit_bounds.len() + 1));
    assert!(super::metrics(&[], &about()).is_none());
}

#[test]
fn what_a_collector_rejects_is_heard() {
    let partial = |rejected| wire::PartialSuccess { rejected, error_message: "too old".to_owned() };
    let answer = |rejected| Answer { partial_success: Some(partial(rejected)) }.encode_to_vec();
    assert_eq!(rejected(&answer(2)).as_deref(), Some("2 were rejected: too old"));
    assert_eq!((rejected(&answer(0)), rejected(&[])), (None, None));
}
