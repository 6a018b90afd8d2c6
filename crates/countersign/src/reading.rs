//! `GET /v1/trace` and `GET /metrics`: the trace by pages and counts, for whoever watches the gateway.

use std::fmt::Write as _;
use std::path::Path;

use export::Place;
use front::{Body, text_response};
use http::{HeaderValue, Response, StatusCode, header};
use model::limits::{TRACE_STEPS_MAX, TRACE_TIME_MAX};
use model::{Blame, Fault, UnixMicros};
use store::Location;
use trace::{Page, Query};

use crate::exports::{self, Standing};
use crate::gateway::Gateway;

/// One page of records, as [`Query::of_address`] has it.
pub async fn page(trace: Location, asked: &str, now: UnixMicros) -> Result<String, Fault> {
    let question = Query::of_address(asked, now)?;
    on_a_thread(move || {
        let reader = trace.bounded_reader(TRACE_STEPS_MAX, TRACE_TIME_MAX).map_err(Fault::from)?;
        Ok(Page::of(&[question], &reader)?.to_json().to_string())
    })
    .await
}

/// Counts, in the text format that Prometheus reads.
pub async fn metrics(gateway: &Gateway) -> Result<String, Fault> {
    let (trace, data) = (gateway.trace().clone(), gateway.data().to_owned());
    // What is told of a trace that cannot be reached is what is known without asking it.
    let records = gateway.engine.newest_record();
    let bytes = on_a_thread(move || Ok(matches!(trace, Location::File(_)).then(|| bytes_of_trace(&data)))).await?;
    let config = gateway.config.load_full();
    let standings = on_a_thread(move || Ok(exports::standings(&config, records))).await?;
    let figures = gateway.engine.figures();
    let mut text = Exposition::default();
    text.family("countersign_calls_total", "counter", "Calls that were decided and recorded, by verdict");
    for (verdict, count) in &figures.decided {
        text.value("countersign_calls_total", &[("verdict", verdict.as_str())], *count);
    }
    text.family("countersign_outcomes_total", "counter", "Calls that were sent and have ended, by how");
    for (status, count) in &figures.ended {
        text.value("countersign_outcomes_total", &[("status", status.as_str())], *count);
    }
    text.family("countersign_call_duration_seconds", "histogram", "How long apps took to answer");
    for (bound, count) in &figures.took {
        let bound = bound.map_or_else(|| "+Inf".to_owned(), |micros| (micros as f64 / 1e6).to_string());
        text.value("countersign_call_duration_seconds_bucket", &[("le", &bound)], *count);
    }
    text.value("countersign_call_duration_seconds_sum", &[], figures.took_us as f64 / 1e6);
    text.value("countersign_call_duration_seconds_count", &[], figures.took.last().map_or(0, |(_, count)| *count));
    text.family("countersign_calls_in_flight", "gauge", "Calls that are under way");
    text.value("countersign_calls_in_flight", &[], figures.under_way);
    text.family("countersign_outcomes_lost_total", "counter", "Outcomes that could not be recorded");
    text.value("countersign_outcomes_lost_total", &[], figures.lost_outcomes);
    text.family("countersign_records_not_written_total", "counter", "Records that could not be written");
    text.value("countersign_records_not_written_total", &[], gateway.engine.records_not_written());
    text.family("countersign_trace_signature_age_seconds", "gauge", "How long ago the trace was signed last");
    text.value("countersign_trace_signature_age_seconds", &[], gateway.signature_age().as_secs());
    text.family("countersign_trace_records_total", "counter", "Records in the trace");
    text.value("countersign_trace_records_total", &[], records);
    // What it takes of a server's disk that server tells.
    if let Some(bytes) = bytes {
        text.family("countersign_trace_bytes", "gauge", "Bytes of the trace on disk");
        text.value("countersign_trace_bytes", &[], bytes);
    }
    text.family("countersign_app_linked", "gauge", "Whether the gateway's own link to an app stands");
    for (app, linked) in gateway.hub.linked() {
        text.value("countersign_app_linked", &[("app", app.as_str())], u8::from(linked));
    }
    text.exports(&standings);
    Ok(text.0)
}

/// The answer to whoever watches.
pub fn exposition(text: String) -> Response<Body> {
    let mut response = text_response(StatusCode::OK, text);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What asks the disk must not keep the threads that carry calls.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(
        |error| Err(Fault::new(Blame::Bug, "bug.reading", "the trace could not be read").because(error)),
    )
}

/// The database with everything that stands beside it.
fn bytes_of_trace(data: &Path) -> u64 {
    let files = std::fs::read_dir(data).into_iter().flatten().flatten();
    let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(crate::gateway::files::TRACE));
    ours.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

/// Prometheus text in the making.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _written = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn exports(&mut self, standings: &[Standing]) {
        type Figure = fn(&Place) -> u64;
        let figures: [(&str, &str, &str, Figure); 3] = [
            ("countersign_export_cursor", "gauge", "The last record that an export has delivered", |at| at.sequence),
            ("countersign_export_failures_total", "counter", "How often an export was not taken", |at| at.failures),
            ("countersign_export_failing", "gauge", "Whether the last attempt failed", |at| u64::from(at.failing)),
        ];
        if standings.is_empty() {
            return;
        }
        self.family("countersign_export_lag_records", "gauge", "Records that an export has not delivered yet");
        for one in standings {
            self.value("countersign_export_lag_records", &[("export", &one.name)], one.lag);
        }
        for (name, kind, help, figure) in figures {
            self.family(name, kind, help);
            for one in standings {
                let place = one.place.as_ref().ok();
                place.iter().for_each(|place| self.value(name, &[("export", &one.name)], figure(place)));
            }
        }
    }

    /// Labels are ids and words of ours: there is nothing to escape.
    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _written = writeln!(self.0, "{name}{labels} {value}");
    }
}
