//! Measures what letting out only part of an answer costs: rows of 48 fields, of which 40 are named, two are excluded and
//! two decide whether the row is let out at all; every tenth is not. Beside it, in the same run: the same by a tree
//! (serde_json: parse, filter, print), a pass of this crate's own parser, and copying memory.
//! `cargo xtask bench http` builds and runs it; it prints one line of JSON for each measure.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a stopwatch for people"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use json::release::{Condition, Form, How, Outside, Removal, Tell, Total};
use json::{Document, Filter, Release, ReleasePlan};
use model::Scalar;
use serde_json::Value;

fn main() {
    let only: Option<usize> = std::env::args().nth(1).and_then(|bytes| bytes.parse().ok());
    let release = Release::compile(&plan()).expect("a plan");
    // First: a peak never falls.
    memory(&release);
    for bytes in SIZES.into_iter().filter(|bytes| only.is_none_or(|only| only == *bytes)) {
        let body = body(bytes);
        let rounds = (ROUND_BYTES / body.len()).max(1);
        report("mask", &body, rounds, || {
            black_box(filtered(&release, &body, |_| {}));
        });
        if only.is_some() {
            continue;
        }
        report("parser", &body, rounds, || drop(black_box(Document::parse(&body))));
        let mut copy = vec![0; body.len()];
        report("memcpy", &body, rounds * 4, || copy.copy_from_slice(black_box(&body)));
        if bytes <= TREE_BYTES_MAX {
            let mut shown = Vec::new();
            filtered(&release, &body, |bytes| shown.extend_from_slice(bytes));
            assert!(serde_json::from_slice::<Value>(&shown).ok() == Some(by_tree(&body)), "both let out the same");
            report("serde_json", &body, rounds, || drop(black_box(serde_json::to_vec(&by_tree(&body)))));
        }
    }
}

/// The peak of this process before and after 100 MB have streamed through a filter.
fn memory(release: &Release) {
    let block = rows(0, 64 * 1024);
    let before = peak_kb();
    let mut filter = Filter::new(release, Form::Json);
    let mut out = Vec::new();
    let mut push = |filter: &mut Filter, bytes: &[u8]| {
        out.clear();
        filter.push(bytes, &mut out).expect("JSON");
    };
    push(&mut filter, b"{\"data\":[");
    for _ in 0..(100_000_000 / block.len()) {
        push(&mut filter, &block);
        push(&mut filter, b",");
    }
    push(&mut filter, b"{}]}");
    filter.finish(&mut Vec::new()).expect("a whole answer");
    println!("{{\"name\":\"memory\",\"bytes\":100000000,\"kb\":{}}}", peak_kb().saturating_sub(before));
}

fn filtered(release: &Release, body: &[u8], mut show: impl FnMut(&[u8])) -> u64 {
    let mut filter = Filter::new(release, Form::Json);
    let mut out = Vec::new();
    for chunk in body.chunks(CHUNK) {
        filter.push(black_box(chunk), &mut out).expect("JSON");
        show(&out);
        out.clear();
    }
    let summary = filter.finish(&mut out).expect("a whole answer");
    show(&out);
    summary.bytes
}

fn report(name: &str, body: &[u8], rounds: usize, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    // Short, so that some of them are not interrupted by others on the machine.
    let samples = (SAMPLED_BYTES / body.len() / rounds).clamp(3, SAMPLES_MAX);
    for _ in 0..samples {
        let start = Instant::now();
        for _ in 0..rounds {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() / rounds as f64);
    }
    let (bytes, speed) = (body.len(), body.len() as f64 / best / 1e9);
    println!("{{\"name\":\"{name}\",\"bytes\":{bytes},\"gb_s\":{speed:.3},\"us\":{:.2}}}", best * 1e6);
}

fn plan() -> ReleasePlan {
    let mut plan = ReleasePlan::only("$.data[*]", fields());
    let text = |text: &str| vec![Scalar::Text(text.into())];
    plan.each = vec![
        Condition { path: "client_id".to_owned(), one_of: text("northwind"), clause: "2.2".into() },
        Condition { path: "status".to_owned(), one_of: text("active"), clause: "4.1".into() },
    ];
    plan.outside = Outside::Drop;
    plan.removed = vec![
        Removal { path: "compensation".to_owned(), how: How::Remove, clause: "3.2".into() },
        Removal {
            path: "..medical_notes".to_owned(),
            how: How::Replace("[redacted: §3.3]".to_owned()),
            clause: "3.3".into(),
        },
    ];
    plan.totals = vec![Total { path: "$.total".to_owned(), tell: Tell::Count }];
    plan
}

/// 40 of them.
fn fields() -> Vec<String> {
    let mut fields: Vec<String> = (0..34).map(|number| format!("field_{number}")).collect();
    fields.extend(["id", "name", "status", "address.city", "jobs[].title", "jobs[].from"].map(str::to_owned));
    fields
}

fn body(bytes: usize) -> Vec<u8> {
    let mut body = b"{\"data\":[".to_vec();
    body.extend(rows(body.len(), bytes.saturating_sub(30)));
    body.extend(b"],\"total\":12,\"trace\":\"x\"}");
    body
}

/// Rows with commas between them.
fn rows(from: usize, bytes: usize) -> Vec<u8> {
    let mut rows = String::new();
    let mut number = 0;
    while from + rows.len() < bytes || number == 0 {
        if number > 0 {
            rows.push(',');
        }
        let tenant = if number % 10 == 9 { "globex" } else { "northwind" };
        rows.push_str(&format!(
            "{{\"id\":{number},\"client_id\":\"{tenant}\",\"status\":\"active\",\"name\":\"Ana \u{e9} {number}\""
        ));
        for field in 0..34 {
            match field % 4 {
                0 => rows.push_str(&format!(",\"field_{field}\":{}", number * 31 + field)),
                1 => rows.push_str(&format!(",\"field_{field}\":\"a value of some words, number {number}\"")),
                2 => rows.push_str(&format!(",\"field_{field}\":{}", number % 3 == 0)),
                _ => rows.push_str(&format!(",\"field_{field}\":\"2026-11-22T08:{:02}:00Z\"", field)),
            }
        }
        rows.push_str(",\"address\":{\"street\":\"Some Road 17\",\"city\":\"Ghent\",\"zip\":\"9000\"},\"jobs\":[");
        rows.push_str("{\"title\":\"clerk\",\"from\":2019,\"salary\":41000},{\"title\":\"head of \\\"ops\\\"\",\"from\":2022,\"salary\":52000}]");
        rows.push_str(",\"compensation\":{\"base\":52000,\"bonus\":[1,2,3]},\"medical_notes\":\"nobody's business\"");
        rows.push_str(",\"internal_a\":\"left out\",\"internal_b\":17,\"internal_c\":null,\"internal_d\":[1,2],\"internal_e\":{\"x\":1}}");
        number += 1;
    }
    rows.into_bytes()
}

/// The same by a tree.
fn by_tree(body: &[u8]) -> Value {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice::<Value>(body) else { return Value::Null };
    let fields: BTreeSet<String> = fields().into_iter().filter(|field| !field.contains('.')).collect();
    let Some(Value::Array(mut rows)) = answer.remove("data") else { return Value::Null };
    rows.retain_mut(|row| {
        let Some(row) = row.as_object_mut() else { return false };
        let is = |key: &str, wanted: &str| row.get(key).and_then(Value::as_str) == Some(wanted);
        if !is("client_id", "northwind") || !is("status", "active") {
            return false;
        }
        row.retain(|key, value| match key.as_str() {
            "medical_notes" => {
                *value = "[redacted: §3.3]".into();
                true
            }
            "address" => {
                value.as_object_mut().unwrap().retain(|key, _| key == "city");
                true
            }
            "jobs" => {
                for job in value.as_array_mut().unwrap() {
                    job.as_object_mut().unwrap().retain(|key, _| key == "title" || key == "from");
                }
                true
            }
            _ => fields.contains(key),
        });
        true
    });
    answer.retain(|key, _| key == "total");
    answer.insert("total".to_owned(), rows.len().into());
    answer.insert("data".to_owned(), Value::Array(rows));
    Value::Object(answer)
}

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default()
}

const SIZES: [usize; 3] = [10_000, 1_000_000, 100_000_000];
/// A tree of 100 MB takes a gigabyte: it is measured up to here.
const TREE_BYTES_MAX: usize = 10_000_000;
const ROUND_BYTES: usize = 500_000;
const SAMPLED_BYTES: usize = 100_000_000;
const CHUNK: usize = 16 * 1024;
const SAMPLES_MAX: usize = 100;
