//! `cargo xtask test`: what CI runs, and nothing that only CI runs.

use std::path::Path;

use anyhow::Result;

use crate::run::{Steps, program, run, run_keeping_the_end};
use crate::{bench, conformance, fuzz, setup, soak, tidy};

/// Everything, in the order in which a mistake is cheapest to find. Says whether all of it passed.
pub(crate) fn test(root: &Path) -> Result<bool> {
    let mut steps = Steps::new();
    let mut closing = String::from("the tests did not run");
    if steps.step("setup", || setup::setup(root).map(|()| true)) {
        steps.step("format", || {
            cargo(root, &["fmt", "--all", "--check"])?;
            cargo(root, &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
        });
        steps.step("lints", || {
            // A lock file that is behind is told now, not after the tests.
            cargo(root, &["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"])?;
            cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
        });
        steps.step("build", || cargo(root, &["build", "--workspace", "--bins", "--locked"]));
        steps.step("tidy", || tidy::tidy(&tidy::Options { root: root.to_owned(), binary: None, write: false }));
        steps.step("tests", || {
            let arguments = ["nextest", "run", "--workspace", "--locked", "--profile", "ci"];
            let (passed, end) = run_keeping_the_end(&mut program("cargo", &arguments, root), "Summary [")?;
            closing = end;
            Ok(passed)
        });
        steps.step("conformance", || conformance::conformance(root, &conformance::Options::in_ci()));
        steps.step("fuzz", || fuzz::fuzz(root, &fuzz::Options::in_ci()));
        steps.step("questions", || bench::bench_trace(root, &bench::TraceOptions::in_ci()).map(|()| true));
        steps.step("soak load", || soak::soak(root, &soak::Options::in_ci()));
    }
    eprint!("\n{}", steps.table());
    eprintln!("{closing}");
    Ok(steps.passed())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<bool> {
    run(&mut program("cargo", arguments, root)).map(|()| true)
}
