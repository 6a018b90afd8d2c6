//! An answer of rows asked directly, through a byte pipe, and through the door of a gateway that shows forty fields of each; and one
//! connection's calls over MCP through the same gateway, for what a call costs at least.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Options, sized};
use crate::bench::process::Server;
use crate::bench::scene::{RULES_FILE, address, configuration, operate, rules, start_gateway};
use crate::bench::statistics::{median, shown};
use crate::bench::{Measure, Target};
use crate::dist::Programs;
use crate::run::capture;

/// Everything that runs meanwhile. Killed when dropped.
struct Stage {
    programs: Programs,
    ways: [(&'static str, Way); 3],
    mcp: [Way; 2],
    gateway: Server,
    _others: [Server; 3],
}

/// Where something is asked, and with what.
struct Way {
    url: String,
    token: Option<String>,
}

/// What one way did in one round.
#[derive(Clone, Copy)]
struct Sample {
    p50_us: f64,
    p99_us: f64,
    /// The body of one answer.
    bytes: f64,
}

/// All rounds of one size.
struct Rounds {
    bytes: u64,
    /// For each way, in the order of the stage.
    samples: [Vec<Sample>; 3],
    /// The most memory the gateway ever held meanwhile, over what it held before any vendor asked.
    peak_mb: f64,
}

/// Measures and prints; with what is held against a target at the end.
pub(super) fn measure(root: &Path, programs: &Programs, options: &Options) -> Result<Vec<Measure>> {
    let stage = Stage::set(root, programs)?;
    let idle = stage.gateway.memory_mb()?.0;
    let mut all = Vec::new();
    for bytes in SIZES {
        all.push(stage.rounds(bytes, options, idle)?);
    }
    let mut added = Vec::new();
    for _ in 0..options.rounds {
        let [direct, through] = &stage.mcp;
        added.push(stage.calls(through, options.seconds)? - stage.calls(direct, options.seconds)?);
    }
    print(&all);
    Ok(measures(&all, median(added), idle))
}

// === impl Stage ===

impl Stage {
    fn set(root: &Path, programs: &Programs) -> Result<Self> {
        let folder = root.join("target/bench-http");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        let log = folder.join("stderr.log");
        let upstream = Server::start(&mut Command::new(&programs.upstream), &log)?;
        let rows = Server::start(Command::new(&programs.rows).arg("serve"), &log)?;
        let (mcp_url, rows_url) = (address(&upstream.said)?, address(&rows.said)?);
        let host = rows_url.trim_start_matches("http://");
        let pipe = Server::start(Command::new(&programs.pipe).args(["--to", host]), &log)?;
        let pipe_url = address(&pipe.said)?;
        let config = write_office(&folder, &mcp_url, &rows_url)?;
        let countersign = &programs.countersign;
        let gateway = start_gateway(&[], countersign, &config, &log)?;
        let said: Value = serde_json::from_str(&gateway.said).context("the gateway did not say where it listens")?;
        let told = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
        let (base, mcp) = told("listening").zip(told("mcp")).context("the gateway did not name its addresses")?;
        operate(countersign, &config, &["tools", "pin", "bench", "--class", "read", "--yes"])?;
        let token = operate(countersign, &config, &["token", "--agent", "bench", "--human", "ana", "--ttl", "12h"])?;
        typed(countersign, &config, &["vault", "set", "rows"], "a-credential-of-the-rows")?;
        sign(countersign, &config)?;
        let key = operate(countersign, &config, &["vendors", "keys", "issue", "acme", "--contract", "rows"])?;
        let way = |url: String, token: Option<&str>| Way { url, token: token.map(|token| token.trim().to_owned()) };
        Ok(Self {
            programs: programs.clone(),
            ways: [
                (DIRECT, way(format!("{rows_url}/v1"), None)),
                (PIPE, way(format!("{pipe_url}/v1"), None)),
                (DOOR, way(format!("{base}/api/rows"), Some(&key))),
            ],
            mcp: [way(mcp_url, None), way(mcp, Some(&token))],
            gateway,
            _others: [upstream, rows, pipe],
        })
    }

    fn rounds(&self, bytes: u64, options: &Options, idle: f64) -> Result<Rounds> {
        let mut samples: [Vec<Sample>; 3] = Default::default();
        self.gateway.forget_peak()?;
        for _ in 0..options.rounds {
            for ((name, way), samples) in self.ways.iter().zip(&mut samples) {
                let sample = self.sample(way, bytes, options.seconds);
                samples.push(sample.with_context(|| format!("`{name}` could not be measured"))?);
            }
        }
        Ok(Rounds { bytes, samples, peak_mb: self.gateway.memory_mb()?.1 - idle })
    }

    fn sample(&self, way: &Way, bytes: u64, seconds: f64) -> Result<Sample> {
        let mut fetch = Command::new(&self.programs.rows);
        fetch.args(["fetch", "--url", &format!("{}/rows?bytes={bytes}", way.url), "--seconds", &seconds.to_string()]);
        fetch.args(way.token.iter().flat_map(|key| ["--key", key]));
        let number = numbers(&mut fetch)?;
        Ok(Sample { p50_us: number("p50_us")?, p99_us: number("p99_us")?, bytes: number("bytes")? })
    }

    /// The p50 of calls over MCP with an answer of 10 KB, in microseconds.
    fn calls(&self, way: &Way, seconds: f64) -> Result<f64> {
        let mut load = Command::new(&self.programs.load);
        load.args(["--url", &way.url]).args(way.token.iter().flat_map(|token| ["--token", token]));
        load.args(["--arguments", r#"{"bytes":10240}"#, "--connections", "1", "--seconds", &seconds.to_string()]);
        numbers(&mut load)?("p50_us")
    }
}

/// What a program printed as JSON, by name.
fn numbers(command: &mut Command) -> Result<impl Fn(&str) -> Result<f64> + use<>> {
    let said: Value = serde_json::from_str(&capture(command)?).context("it said no JSON")?;
    Ok(move |key: &str| said.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`")))
}

/// Two people sign the agreement as the gateway understood it.
fn sign(countersign: &Path, config: &Path) -> Result<()> {
    let shown: Value = serde_json::from_str(&operate(countersign, config, &["contract", "show", "rows", "--json"])?)?;
    let digest = shown.get("digest").and_then(Value::as_str).context("the contract has no digest")?;
    for who in ["ana", "bo"] {
        let code = operate(countersign, config, &["accounts", "invite", who])?;
        typed(countersign, config, &["login", "--password-stdin", "--code", code.trim()], "correct horse battery")?;
        operate(countersign, config, &["contract", "sign", "rows", "--digest", digest])?;
    }
    Ok(())
}

/// Runs a command with a line on its standard input.
fn typed(countersign: &Path, config: &Path, words: &[&str], line: &str) -> Result<()> {
    let mut command = Command::new(countersign);
    command.args(words).arg("--config").arg(config).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("could not start `{}`", words.join(" ")))?;
    writeln!(child.stdin.take().context("no stdin")?, "{line}").context("it does not read")?;
    ensure!(child.wait()?.success(), "`{}` failed", words.join(" "));
    Ok(())
}

/// The gateway of the other benches, with an API and a vendor besides; the file of its configuration.
fn write_office(folder: &Path, mcp_url: &str, rows_url: &str) -> Result<PathBuf> {
    let mut whole = configuration(mcp_url);
    let mut put = |path: &str, value: Value| {
        if let Some(place) = whole.pointer_mut(path).and_then(Value::as_object_mut) {
            place.extend(value.as_object().cloned().unwrap_or_default());
        }
    };
    put("/people", json!({ "bo": { "name": "Bo Lind" } }));
    let rows = json!({
        "api": "rows.api.yaml", "url": format!("{rows_url}/v1"), "credential": "vault:rows", "risk": "high",
        "data": "restricted", "owners": ["ana"],
    });
    put("/apps", json!({ "rows": rows }));
    let vendors = json!({ "acme": { "name": "Acme", "responsible": "ana" } });
    put("", json!({ "vendors": vendors, "contracts": ["rows.yaml"] }));
    let config = folder.join("countersign.yaml");
    let files = [
        (config.clone(), format!("{whole:#}\n")),
        (folder.join(RULES_FILE), rules()),
        (folder.join("rows.api.yaml"), format!("{:#}\n", mapping(rows_url))),
        (folder.join("rows.yaml"), format!("{:#}\n", contract())),
    ];
    for (file, text) in files {
        std::fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(config)
}

fn mapping(rows_url: &str) -> Value {
    let row = json!({ "id": "id", "tenant": "client_id", "state": "status" });
    let list = json!({
        "method": "GET", "path": "/rows", "class": "read", "does": "list", "entity": "row", "rows": "$.data[*]", "total": "$.total",
        "passes": ["query.bytes"],
    });
    json!({ "api": 1, "base": format!("{rows_url}/v1"), "entities": { "row": row }, "operations": { "list_rows": list } })
}

/// Forty fields of active rows of one tenant.
fn contract() -> Value {
    let mut fields: Vec<String> = (0..34).map(|number| format!("field_{number}")).collect();
    fields.extend(["id", "name", "status", "address.city", "jobs[].title", "jobs[].from"].map(str::to_owned));
    let permits = json!({ "do": ["list"], "entities": ["row"], "fields": { "row": fields } });
    json!({
        "contract": "rows",
        "vendor": "acme",
        "document": {
            "name": "Agreement on rows", "sha256": "0".repeat(64), "dated": "2020-01-01",
            "clauses": ["1", "2", "3", "4", "5", "6"],
        },
        "parties": { "ours": { "name": "Northwind" }, "theirs": { "name": "Acme" }, "responsible": "ana" },
        "apps": ["rows"],
        "tenants": ["northwind"],
        "term": { "from": "2020-01-02", "until": "2099-12-31" },
        "answers": { "outside": "drop", "totals": "recount", "hidden": "replace" },
        "clauses": [
            { "clause": "1", "says": "forty fields of rows", "permits": permits },
            { "clause": "2", "says": "no compensation", "excludes": { "fields": { "row": ["compensation"] } } },
            { "clause": "3", "says": "no notes", "excludes": { "fields": { "row": ["medical_notes"] } } },
            { "clause": "4", "says": "of one tenant", "limits": "tenants" },
            { "clause": "5", "says": "active ones", "limits": { "where": { "row": { "status": ["active"] } } } },
            { "clause": "6", "says": "the term", "limits": "term" },
        ],
    })
}

// === impl Rounds ===

impl Rounds {
    fn median(&self, way: usize, field: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.get(way).into_iter().flatten().map(field))
    }

    /// The median of what two ways took in the same round, put together.
    fn paired(&self, way: usize, with: usize, put: impl Fn(f64, f64) -> f64) -> f64 {
        let of = |way: usize| self.samples.get(way).into_iter().flatten();
        median(of(way).zip(of(with)).map(|(one, other)| put(one.p50_us, other.p50_us)))
    }
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print(all: &[Rounds]) {
    println!(
        "| body | way | shown | p50 µs | p99 µs | MB/s | × pipe | added p50 |\n|---|---|---:|---:|---:|---:|---:|---:|"
    );
    for rounds in all {
        for (place, name) in [DIRECT, PIPE, DOOR].into_iter().enumerate() {
            let p50 = rounds.median(place, |sample| sample.p50_us);
            let cells = [
                shown(rounds.median(place, |sample| sample.bytes) / 1e3) + " KB",
                shown(p50),
                shown(rounds.median(place, |sample| sample.p99_us)),
                shown(rounds.bytes as f64 / p50),
                shown(rounds.paired(place, 1, |one, pipe| pipe / one)),
                shown(rounds.paired(place, 0, |one, direct| one - direct)),
            ];
            println!("| {} | {name} | {} |", sized(rounds.bytes), cells.join(" | "));
        }
    }
    println!();
}

/// Of the smallest and the largest body, what is held against a target; of all, what is only told.
fn measures(all: &[Rounds], mcp_added_us: f64, idle_mb: f64) -> Vec<Measure> {
    let mut measures = vec![Measure::new("http.door.idle_memory", idle_mb, "MB")];
    for rounds in all {
        let at = |what: &str| format!("http.door.{}.{what}", sized(rounds.bytes));
        measures.push(Measure::new(at("p50"), rounds.median(2, |sample| sample.p50_us), "µs"));
        measures.push(Measure::new(at("of_direct"), rounds.paired(2, 0, |door, direct| direct / door), "×"));
        measures.push(Measure::new(at("of_pipe"), rounds.paired(2, 1, |door, pipe| pipe / door), "×"));
        measures.push(Measure::new(at("peak_above_idle"), rounds.peak_mb, "MB"));
    }
    if let (Some(first), Some(last)) = (all.first(), all.last()) {
        let added = first.paired(2, 0, |door, direct| door - direct);
        let most = Target::AtMost(mcp_added_us + OVER_MCP_AT_MOST_US);
        measures.push(Measure::new("http.door.mcp_added_p50", mcp_added_us, "µs"));
        measures.push(Measure::new("http.door.added_p50_at_10_KB", added, "µs").with(most));
        let peak = Measure::new("http.door.peak_of_100_MB_above_idle", last.peak_mb, "MB");
        measures.push(peak.with(Target::AtMost(PEAK_AT_MOST_MB)));
    }
    if let [.., middle, last] = all {
        let grows = Measure::new("http.door.peak_of_100_MB_over_1_MB", last.peak_mb - middle.peak_mb, "MB");
        measures.push(grows.with(Target::AtMost(GROWS_AT_MOST_MB)));
    }
    measures
}

const SIZES: [u64; 3] = [10_000, 1_000_000, 100_000_000];
const DIRECT: &str = "direct";
const PIPE: &str = "pipe";
const DOOR: &str = "door";
const OVER_MCP_AT_MOST_US: f64 = 100.0;
const PEAK_AT_MOST_MB: f64 = 8.0;
/// Flat: what a long answer needs more than one a hundred times as short.
const GROWS_AT_MOST_MB: f64 = 2.0;
