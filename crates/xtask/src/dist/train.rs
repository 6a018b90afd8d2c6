//! Watching the program at work, under valgrind: which functions run, and whether for the start only.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Programs;
use super::order::Seen;
use crate::bench::scene::Scene;
use crate::run::capture;

/// Starts a gateway and puts loads on it.
pub(crate) fn train(shipped: &Programs, folder: &Path) -> Result<Seen> {
    let counted = folder.with_extension("callgrind");
    for old in parts(&counted)? {
        std::fs::remove_file(&old).with_context(|| format!("could not remove {}", old.display()))?;
    }
    let out = format!("--callgrind-out-file={}", counted.display());
    let by = ["valgrind", "--quiet", "--tool=callgrind", "--demangle=no", "--compress-strings=no", "--compress-pos=no"];
    let by: Vec<String> = by.into_iter().map(str::to_owned).chain([out]).collect();
    let scene = Scene::set(shipped, folder, &by)?;
    write_part(&scene)?;
    let start = parts(&counted)?;
    for (waited, connections, kilobytes) in LOADS {
        std::thread::sleep(waited);
        let mut load = Command::new(&shipped.load);
        load.args(["--url", &scene.gateway_url, "--token", &scene.token, "--seconds", SECONDS, "--warmup", "0"]);
        load.args(["--connections", connections, "--arguments", &json!({"bytes": kilobytes * 1024}).to_string()]);
        let said = capture(&mut load)?;
        eprintln!("dist: {connections} calls at once of {kilobytes} KB: {}", said.trim());
    }
    write_part(&scene)?;
    drop(scene);
    let mut seen = Seen::new(shipped.countersign.display().to_string());
    let parts = parts(&counted)?;
    ensure!(!start.is_empty() && parts.len() > start.len(), "valgrind did not write what it counted");
    for part in parts {
        let text = std::fs::read_to_string(&part).with_context(|| format!("could not read {}", part.display()))?;
        seen.read(&text, start.contains(&part));
    }
    Ok(seen)
}

/// What was counted since the last time goes into a file of its own.
fn write_part(scene: &Scene) -> Result<()> {
    capture(Command::new("callgrind_control").arg("--dump").arg(scene.gateway.id().to_string())).map(|_| ())
}

/// The files that valgrind wrote.
fn parts(counted: &Path) -> Result<Vec<std::path::PathBuf>> {
    let (Some(folder), Some(name)) = (counted.parent(), counted.file_name()) else { return Ok(Vec::new()) };
    let name = name.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("could not read {}", folder.display()))?;
        if entry.file_name().to_string_lossy().starts_with(&name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// How long nobody calls before, connections, and KB of each result. What is done by the clock is done within a minute: sweeps each
/// half, and an app's tools are asked anew by the first call after a whole one.
const LOADS: [(Duration, &str, u32); 4] = [
    (Duration::ZERO, "1", 1),
    (Duration::ZERO, "64", 1),
    (Duration::ZERO, "64", 10),
    (Duration::from_secs(62), "16", 1),
];
const SECONDS: &str = "3";
