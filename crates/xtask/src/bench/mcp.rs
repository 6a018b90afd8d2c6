//! `bench mcp`: what the gateway adds to a tool call, against the same upstream called directly and through a byte pipe.
//!
//! The ways to the upstream take turns, round by round, so that whatever else the machine does meets all of them. Each
//! number is the median of the rounds; what is compared is compared within a round.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::process::Server;
use super::scene::{Scene, address, configuration, start_gateway};
use super::statistics::{median, shown};
use super::{Measure, Target, print_targets, write_json};
use crate::dist::{self, Programs};
use crate::run::{capture, stopwatch};

/// How to measure.
pub(crate) struct Options {
    /// For how long each way is measured in each round.
    pub(crate) seconds: f64,
    /// How often each way has its turn.
    pub(crate) rounds: usize,
    /// Where the list goes.
    pub(crate) json: Option<PathBuf>,
    /// Further ways to the same or a like upstream.
    pub(crate) others: Vec<Other>,
    /// Whether to build first.
    pub(crate) build: bool,
}

/// A gateway that somebody else started.
pub(crate) struct Other {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

/// Everything that runs meanwhile. Killed when dropped.
struct Stage {
    folder: PathBuf,
    shipped: Programs,
    ways: Vec<Way>,
}

/// One way to the upstream.
struct Way {
    name: String,
    url: String,
    token: Option<String>,
    server: Option<Server>,
}

/// A load.
struct Shape {
    connections: usize,
    kilobytes: usize,
}

/// What one way did in one round.
struct Sample {
    calls_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    processor_us: Option<f64>,
    errors: f64,
}

/// All rounds of one shape: for each way, in the order of the stage, its samples.
struct Rounds<'s> {
    shape: &'s Shape,
    names: Vec<&'s str>,
    samples: Vec<Vec<Sample>>,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 3.0, rounds: 5, json: None, others: Vec::new(), build: true }
    }
}

/// Builds, measures, prints.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<()> {
    let shipped = if options.build { dist::ship(root)? } else { Programs::shipped()? };
    let mut stage = Stage::set(root, &shipped, &options.others)?;
    let starts = stage.measure_starts()?;
    let mut flushes = Vec::new();
    let mut measures = Vec::new();
    heading();
    let mut memory = Vec::new();
    for shape in SHAPES {
        // What large answers need is no measure of what a gateway needs.
        if shape.kilobytes > ORDINARY_KILOBYTES_MAX && memory.is_empty() {
            memory = stage.memory()?;
        }
        let rounds = stage.run(shape, options, &mut flushes)?;
        rounds.print();
        measures.extend(rounds.measures());
    }
    measures.push(Measure::new("mcp.disk.fdatasync_p50", median(flushes), "µs"));
    measures.push(Measure::new("mcp.gateway.start", median(starts), "ms"));
    measures.extend(memory);
    let goals = goals(&measures);
    print_rest(&measures);
    print_targets(&goals);
    measures.extend(goals);
    match &options.json {
        Some(file) => write_json(file, &measures),
        None => Ok(()),
    }
}

// === impl Stage ===

impl Stage {
    fn set(root: &Path, shipped: &Programs, others: &[Other]) -> Result<Self> {
        let folder = root.join("target/bench-mcp");
        let log = folder.join("stderr.log");
        let scene = Scene::set(shipped, &folder, &[])?;
        let host = scene.upstream_url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        let pipe = Server::start(Command::new(&shipped.pipe).args(["--to", &host]), &log)?;
        let way = |name: &str, url: String, token: Option<&str>, server: Option<Server>| Way {
            name: name.to_owned(),
            url,
            token: token.map(str::to_owned),
            server,
        };
        let pipe_url = format!("{}/mcp", address(&pipe.said)?);
        let mut ways = vec![
            way(DIRECT, scene.upstream_url, None, Some(scene.upstream)),
            way(PIPE, pipe_url, None, Some(pipe)),
            way(GATEWAY, scene.gateway_url, Some(&scene.token), Some(scene.gateway)),
        ];
        ways.extend(others.iter().map(|other| way(&other.name, other.url.clone(), other.token.as_deref(), None)));
        Ok(Self { folder, shipped: shipped.clone(), ways })
    }

    /// From the start of the process to its first line, in milliseconds, on a data directory of its own.
    fn measure_starts(&self) -> Result<Vec<f64>> {
        let config = self.folder.join("start.yaml");
        let mut text = configuration("http://127.0.0.1:9/mcp");
        if let Some(text) = text.as_object_mut() {
            text.insert("data".to_owned(), json!("./data-of-starts"));
        }
        std::fs::write(&config, format!("{text:#}\n")).context("could not write the configuration")?;
        let log = self.folder.join("stderr.log");
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let begun = stopwatch();
            let gateway = start_gateway(&[], &self.shipped.countersign, &config, &log)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            drop(gateway);
        }
        Ok(times)
    }

    fn run<'s>(&'s mut self, shape: &'s Shape, options: &Options, flushes: &mut Vec<f64>) -> Result<Rounds<'s>> {
        let mut samples: Vec<Vec<Sample>> = self.ways.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            flushes.extend(flush_times(&self.folder)?);
            for (way, samples) in self.ways.iter().zip(&mut samples) {
                let sample = self.sample(way, shape, options.seconds);
                samples.push(sample.with_context(|| format!("`{}` could not be measured", way.name))?);
            }
        }
        let names = self.ways.iter().map(|way| way.name.as_str()).collect();
        Ok(Rounds { shape, names, samples })
    }

    fn sample(&self, way: &Way, shape: &Shape, seconds: f64) -> Result<Sample> {
        let time = || way.server.as_ref().map(Server::processor_time_us).transpose();
        let mut load = Command::new(&self.shipped.load);
        load.args(["--url", &way.url]).args(way.token.iter().flat_map(|token| ["--token", token]));
        load.args(["--arguments", &json!({"bytes": shape.kilobytes * 1024}).to_string()]);
        load.args(["--connections", &shape.connections.to_string(), "--seconds", &seconds.to_string()]);
        let before = time()?;
        let said: Value = serde_json::from_str(&capture(&mut load)?).context("the load generator said no JSON")?;
        let after = time()?;
        let number = |key: &str| said.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`"));
        let all = number("calls_all")?;
        Ok(Sample {
            calls_per_second: number("calls")? / number("seconds")?,
            p50_us: number("p50_us")?,
            p99_us: number("p99_us")?,
            processor_us: after.zip(before).map(|(after, before)| (after - before) / all),
            errors: number("errors")?,
        })
    }

    fn memory(&self) -> Result<Vec<Measure>> {
        let mut measures = Vec::new();
        for way in &self.ways {
            let Some(server) = way.server.as_ref().filter(|_| way.name != DIRECT) else { continue };
            let (now, most) = server.memory_mb()?;
            measures.push(Measure::new(format!("mcp.{}.memory", way.name), now, "MB"));
            measures.push(Measure::new(format!("mcp.{}.memory_most", way.name), most, "MB"));
        }
        Ok(measures)
    }
}

// === impl Rounds ===

impl Rounds<'_> {
    fn of(&self, name: &str) -> &[Sample] {
        let place = self.names.iter().position(|known| *known == name);
        place.and_then(|place| self.samples.get(place)).map_or(&[], Vec::as_slice)
    }

    fn median(&self, name: &str, field: impl Fn(&Sample) -> f64) -> f64 {
        median(self.of(name).iter().map(field))
    }

    /// The median of what two ways did in the same round, put together.
    fn paired(&self, name: &str, with: &str, put: impl Fn(&Sample, &Sample) -> f64) -> f64 {
        median(self.of(name).iter().zip(self.of(with)).map(|(one, other)| put(one, other)))
    }

    fn measures(&self) -> Vec<Measure> {
        let mut measures = Vec::new();
        for name in &self.names {
            let at = |what: &str| format!("mcp.{}c.{}k.{name}.{what}", self.shape.connections, self.shape.kilobytes);
            let mut push = |what: &str, value: f64, unit| measures.push(Measure::new(at(what), value, unit));
            push("throughput", self.median(name, |sample| sample.calls_per_second), "calls/s");
            push("p50", self.median(name, |sample| sample.p50_us), "µs");
            push("p99", self.median(name, |sample| sample.p99_us), "µs");
            push("errors", self.of(name).iter().map(|sample| sample.errors).sum(), "calls");
            if *name != DIRECT {
                push("added_p50", self.paired(name, DIRECT, |one, direct| one.p50_us - direct.p50_us), "µs");
                push("added_p99", self.paired(name, DIRECT, |one, direct| one.p99_us - direct.p99_us), "µs");
                push("of_pipe", self.paired(name, PIPE, |one, pipe| one.calls_per_second / pipe.calls_per_second), "×");
            }
            if self.of(name).iter().any(|sample| sample.processor_us.is_some()) {
                // Microseconds a call are milliseconds a thousand calls.
                push("processor", self.median(name, |sample| sample.processor_us.unwrap_or(0.0)), "ms/1000 calls");
            }
        }
        measures
    }

    #[expect(clippy::print_stdout, reason = "the table is the data of this command")]
    fn print(&self) {
        let measures = self.measures();
        for name in &self.names {
            let prefix = format!("mcp.{}c.{}k.{name}.", self.shape.connections, self.shape.kilobytes);
            let cell = |what: &str| {
                let found = measures.iter().find(|measure| measure.name.strip_prefix(&prefix) == Some(what));
                found.map_or_else(|| "–".to_owned(), |measure| shown(measure.value))
            };
            let cells =
                ["throughput", "of_pipe", "p50", "p99", "added_p50", "added_p99", "processor", "errors"].map(cell);
            let (connections, kilobytes) = (self.shape.connections, self.shape.kilobytes);
            println!("| {connections} | {kilobytes} KB | {name} | {} |", cells.join(" | "));
        }
    }
}

/// What the numbers are held against.
fn goals(measures: &[Measure]) -> Vec<Measure> {
    let value = |name: &str| measures.iter().find(|measure| measure.name == name).map_or(0.0, |measure| measure.value);
    let of_pipe = |size: &str| value(&format!("mcp.64c.{size}.gateway.of_pipe"));
    let added = |size: &str| value(&format!("mcp.1c.{size}.gateway.added_p50"));
    let processor = value("mcp.64c.1k.gateway.processor") / value("mcp.64c.1k.pipe.processor").max(f64::MIN_POSITIVE);
    let own = |size: &str| value(&format!("mcp.64c.{size}.gateway.throughput"));
    let large = |connections: u8| value(&format!("mcp.{connections}c.1024k.gateway.of_pipe"));
    let added_most = 2.8 * value("mcp.1c.1k.pipe.added_p50") + value("mcp.disk.fdatasync_p50");
    let goal =
        |name: &str, value: f64, unit, target| Measure::new(format!("mcp.goal.{name}"), value, unit).with(target);
    vec![
        goal("throughput_1k", of_pipe("1k"), "× pipe", Target::AtLeast(0.2)),
        goal("throughput_10k", of_pipe("10k"), "× pipe", Target::AtLeast(0.2)),
        goal("added_p50_1k", added("1k"), "µs", Target::AtMost(1_000.0)),
        goal("added_p50_10k", added("10k"), "µs", Target::AtMost(1_000.0)),
        goal("later.throughput_1k", of_pipe("1k"), "× pipe", Target::AtLeast(0.35)),
        goal("later.own_10k", own("10k") / own("1k").max(f64::MIN_POSITIVE), "× 1 KB", Target::AtLeast(0.8)),
        goal("later.throughput_1m", large(1).min(large(16)), "× pipe", Target::AtLeast(0.5)),
        goal("later.processor", processor, "× pipe", Target::AtMost(2.8)),
        goal("later.added_p50", added("1k"), "µs", Target::AtMost(added_most)),
        goal("later.memory", value("mcp.gateway.memory_most"), "MB", Target::AtMost(25.0)),
    ]
}

#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn heading() {
    println!(
        "| calls at once | result | way | calls/s | × pipe | p50 µs | p99 µs | added p50 | added p99 | CPU ms/1000 | errors |"
    );
    println!("|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|");
}

/// What belongs to no load.
#[expect(clippy::print_stdout, reason = "the table is the data of this command")]
fn print_rest(measures: &[Measure]) {
    println!("\n| measure | value |\n|---|---:|");
    for measure in measures.iter().filter(|measure| measure.name.split('.').count() == 3) {
        println!("| {} | {} {} |", measure.name, shown(measure.value), measure.unit);
    }
    println!();
}

/// How long the disk takes to keep 4 KB at the end of a file, in microseconds.
fn flush_times(folder: &Path) -> Result<Vec<f64>> {
    use std::io::Write as _;
    let path = folder.join("flush");
    let mut file = std::fs::File::create(&path).with_context(|| format!("could not write {}", path.display()))?;
    let mut times = Vec::new();
    for _ in 0..FLUSHES {
        file.write_all(&[7; 4096]).context("could not write")?;
        let begun = stopwatch();
        file.sync_data().context("could not flush")?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    ensure!(!times.is_empty(), "nothing was flushed");
    Ok(times)
}

const DIRECT: &str = "direct";
const PIPE: &str = "pipe";
const GATEWAY: &str = "gateway";
const ORDINARY_KILOBYTES_MAX: usize = 10;
const STARTS: usize = 5;
const FLUSHES: usize = 40;
const SHAPES: &[Shape] = &[
    Shape { connections: 1, kilobytes: 1 },
    Shape { connections: 16, kilobytes: 1 },
    Shape { connections: 64, kilobytes: 1 },
    Shape { connections: 1, kilobytes: 10 },
    Shape { connections: 16, kilobytes: 10 },
    Shape { connections: 64, kilobytes: 10 },
    Shape { connections: 1, kilobytes: 1024 },
    Shape { connections: 16, kilobytes: 1024 },
];
