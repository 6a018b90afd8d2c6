//! Counts by verdict, and how long apps took: what has happened since the request before (delta temporality).

use std::collections::BTreeMap;

use trace::RecordKind;

use super::attributes::Attributes;
use super::wire::{
    Histogram, HistogramPoint, KeyValue, Metric, MetricsRequest, NumberPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use super::{failure, nanos, resource, scope};
use crate::item::{About, Item};

/// The counts of these records; none where no call is among them.
pub(super) fn request(items: &[Item], about: &About) -> Option<MetricsRequest> {
    let start = items.iter().map(|item| nanos(item.entry.at)).min()?;
    let end = items.iter().map(|item| nanos(item.entry.at)).max()?;
    let mut counted: BTreeMap<(&str, &str, bool), i64> = BTreeMap::new();
    let mut took: BTreeMap<(&str, &str, String), Took> = BTreeMap::new();
    for item in items {
        let Some(view) = item.view() else { continue };
        if item.entry.kind == RecordKind::Intent {
            *counted.entry((&view.app, view.verdict.as_str(), item.security_relevant())).or_default() += 1;
        } else if let Some(outcome) = item.entry.outcome() {
            let failure = failure(view, Some(&outcome)).unwrap_or_default();
            let took = took.entry((&view.app, view.method.as_str(), failure)).or_default();
            took.add(outcome.took_us as f64 / 1e6);
        }
    }
    let mut metrics = Vec::new();
    if !counted.is_empty() {
        let point = |((app, verdict, marked), count): ((&str, &str, bool), i64)| NumberPoint {
            start_time_unix_nano: start,
            time_unix_nano: end,
            as_int: Some(count),
            attributes: of_count(app, verdict, marked),
        };
        let data_points = counted.into_iter().map(point).collect();
        let sum = Sum { data_points, aggregation_temporality: DELTA, is_monotonic: true };
        metrics.push(metric("countersign.calls", "calls that were decided", "{call}", Some(sum), None));
    }
    if !took.is_empty() {
        let point = |((app, method, failure), took): ((&str, &str, String), Took)| HistogramPoint {
            start_time_unix_nano: start,
            time_unix_nano: end,
            count: took.buckets.iter().sum(),
            sum: Some(took.sum),
            bucket_counts: took.buckets.to_vec(),
            explicit_bounds: BOUNDS.to_vec(),
            attributes: of_duration(app, method, &failure),
        };
        let data_points = took.into_iter().map(point).collect();
        let histogram = Histogram { data_points, aggregation_temporality: DELTA };
        metrics.push(metric(DURATION, "how long apps took to answer", "s", None, Some(histogram)));
    }
    if metrics.is_empty() {
        return None;
    }
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope(about)), metrics }];
    Some(MetricsRequest { resource_metrics: vec![ResourceMetrics { resource: Some(resource(about)), scope_metrics }] })
}

fn metric(name: &str, description: &str, unit: &str, sum: Option<Sum>, histogram: Option<Histogram>) -> Metric {
    let (name, description, unit) = (name.to_owned(), description.to_owned(), unit.to_owned());
    Metric { name, description, unit, sum, histogram }
}

fn of_count(app: &str, verdict: &str, marked: bool) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    attributes.text("countersign.app", app);
    attributes.text("countersign.verdict", verdict);
    attributes.truth("countersign.security_relevant", marked);
    attributes.done()
}

fn of_duration(app: &str, method: &str, failure: &str) -> Vec<KeyValue> {
    let mut attributes = Attributes::default();
    attributes.text("countersign.app", app);
    attributes.text("mcp.method.name", method);
    attributes.text("error.type", failure);
    attributes.done()
}

/// Durations in seconds.
#[derive(Default)]
struct Took {
    sum: f64,
    buckets: [u64; BOUNDS.len() + 1],
}

impl Took {
    fn add(&mut self, seconds: f64) {
        self.sum += seconds;
        let place = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
    }
}

const DURATION: &str = "mcp.client.operation.duration";
/// The buckets that the conventions advise, in seconds.
const BOUNDS: [f64; 13] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96];
const DELTA: i32 = 1;
