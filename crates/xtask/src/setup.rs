//! `cargo xtask setup`: what the tests need beyond a Rust toolchain, pinned.
//!
//! Real MCP clients and servers by others come from npm and PyPI through their ordinary clients, into `tests/node` and
//! `target/test-venv`, the conformance suite into `tests/conformance`, OpenAPI documents into `tests/openapi`. Every download is named in a committed file; a
//! stamp of those files makes a second run quick.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::{answers, capture, program, run};

/// Installs what is missing. Doing it twice changes nothing.
pub(crate) fn setup(root: &Path) -> Result<()> {
    let stamp = root.join(STAMP);
    let pins = pins(root)?;
    let fresh = std::fs::read_to_string(&stamp).is_ok_and(|before| before == pins);
    if fresh && PRODUCTS.iter().all(|product| root.join(product).exists()) && tools_missing().is_empty() {
        eprintln!("setup: nothing to do");
        return Ok(());
    }
    debian_packages(root)?;
    test_runner(root)?;
    node_packages(root)?;
    python_packages(root)?;
    std::fs::write(&stamp, pins).with_context(|| format!("could not write {}", stamp.display()))
}

/// All that decides what is installed, as one text.
fn pins(root: &Path) -> Result<String> {
    let mut pins = format!("nextest {NEXTEST_VERSION}\n");
    for file in PIN_FILES {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("could not read {file}"))?;
        pins.push_str(&format!("== {file}\n{text}"));
    }
    Ok(pins)
}

/// The Debian packages of the tools that do not answer.
fn tools_missing() -> Vec<&'static str> {
    let mut packages = Vec::new();
    for tool in TOOLS {
        if !answers(tool.program, tool.arguments) {
            packages.push(tool.package);
        }
    }
    packages
}

fn debian_packages(root: &Path) -> Result<()> {
    let packages = tools_missing();
    if packages.is_empty() {
        return node_is_new_enough(root);
    }
    eprintln!("setup: Debian packages {}", packages.join(" "));
    run(&mut program("apt-get", &["update", "-q"], root))?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(packages);
    run(&mut program("apt-get", &arguments, root))?;
    node_is_new_enough(root)
}

fn node_is_new_enough(root: &Path) -> Result<()> {
    let version = capture(&mut program("node", &["--version"], root))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR_MIN) {
        bail!("node is `{}`, the SDKs need {NODE_MAJOR_MIN} or later\nhint: put a newer node on PATH", version.trim());
    }
    Ok(())
}

fn test_runner(root: &Path) -> Result<()> {
    if answers("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    eprintln!("setup: cargo-nextest {NEXTEST_VERSION}");
    run(&mut program("cargo", &["install", "--locked", "cargo-nextest", "--version", NEXTEST_VERSION], root))
}

fn node_packages(root: &Path) -> Result<()> {
    for folder in NODE {
        eprintln!("setup: npm packages in {folder}");
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(&mut program("npm", &arguments, &root.join(folder)))?;
    }
    Ok(())
}

fn python_packages(root: &Path) -> Result<()> {
    eprintln!("setup: Python packages in {VENV}");
    let python = root.join(VENV).join("bin/python");
    if !python.exists() {
        run(&mut program("python3", &["-m", "venv", VENV], root))?;
    }
    // Everything is pinned, so nothing may be resolved; `pip check` says whether the pins fit together.
    let python = python.to_string_lossy().into_owned();
    let quiet = ["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"];
    let install = [&quiet[..], &["install", "--no-deps", "-r", REQUIREMENTS]].concat();
    run(&mut program(&python, &install, root))?;
    run(&mut program(&python, &[&quiet[..], &["check"]].concat(), root))
}

struct Tool {
    program: &'static str,
    arguments: &'static [&'static str],
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    // libFuzzer is C++, and comes as source.
    Tool { program: "c++", arguments: &["--version"], package: "g++" },
    Tool { program: "strace", arguments: &["--version"], package: "strace" },
    Tool { program: "node", arguments: &["--version"], package: "nodejs" },
    Tool { program: "npm", arguments: &["--version"], package: "npm" },
    Tool { program: "python3", arguments: &["-c", "import ensurepip, venv"], package: "python3-venv" },
    Tool { program: "go", arguments: &["version"], package: "golang-go" },
    Tool { program: "test", arguments: &["-d", GO_TRANSPARENCY_LOG], package: "golang-golang-x-mod-dev" },
    Tool { program: "curl", arguments: &["--version"], package: "curl" },
    Tool { program: "chromium", arguments: &["--version"], package: "chromium" },
    // In which pages are pictured, the same everywhere.
    Tool { program: "test", arguments: &["-d", "/usr/share/fonts/opentype/inter"], package: "fonts-inter" },
    Tool { program: "test", arguments: &["-d", "/usr/share/fonts/truetype/liberation"], package: "fonts-liberation" },
    Tool { program: "sh", arguments: &["-c", "ls /usr/lib/postgresql/*/bin/initdb"], package: "postgresql" },
];

/// Other people's code that our log is checked with.
const GO_TRANSPARENCY_LOG: &str = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog";
const NODE: &[&str] = &["tests/node", "tests/conformance", "tests/browser", "tests/openapi"];
const VENV: &str = "target/test-venv";
const REQUIREMENTS: &str = "tests/python/requirements.txt";
const STAMP: &str = "target/setup.stamp";
const PIN_FILES: &[&str] = &[
    "tests/node/package.json",
    "tests/node/package-lock.json",
    "tests/conformance/package.json",
    "tests/conformance/package-lock.json",
    "tests/browser/package.json",
    "tests/browser/package-lock.json",
    "tests/openapi/package.json",
    "tests/openapi/package-lock.json",
    REQUIREMENTS,
];
const PRODUCTS: &[&str] = &[
    "tests/node/node_modules/@cedar-policy/cedar-wasm",
    "tests/node/node_modules/@modelcontextprotocol/client",
    "tests/node/node_modules/json-server",
    "tests/node/node_modules/openai",
    "tests/conformance/node_modules/@modelcontextprotocol/conformance",
    "tests/browser/node_modules/playwright-core",
    "tests/openapi/node_modules/@octokit/openapi",
    "target/test-venv/bin/python",
];
const NEXTEST_VERSION: &str = "0.9.143";
const NODE_MAJOR_MIN: u32 = 20;
