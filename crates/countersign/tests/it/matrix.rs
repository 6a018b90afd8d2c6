//! Every feature of MCP: each revision before, each revision behind, over HTTP and over stdio on either side.
//!
//! `features.rs` is the table: what is looked at, and what is expected of each pair of revisions. The same table without a
//! gateway between, client and server of one revision, shows that the server and the client of the tests understand each
//! other. Cells that do not work yet stand in `not_yet.txt`; one that does although it is listed is a failure too.

mod along;
mod basics;
mod cell;
mod changes;
mod features;
mod not_yet;
mod offered;
mod questions;
mod records;
mod stage;
mod tasks;

use anyhow::{Result, bail};
use testkit::Revision;

use self::cell::{Cell, Transport};
use self::features::{Expected, FEATURES};
use self::not_yet::NotYet;
use self::stage::Stage;

#[test]
fn without_the_gateway() -> Result<()> {
    let mut failures = Vec::new();
    for revision in Revision::ALL {
        for transport in Transport::ALL {
            let stage = Stage::direct(revision, transport)?;
            run(&stage, &[revision], &[transport], &mut failures)?;
        }
    }
    report(failures)
}

#[test]
fn before_2025_03_26_over_http() -> Result<()> {
    through(Revision::March2025, Transport::Http)
}

#[test]
fn before_2025_03_26_over_stdio() -> Result<()> {
    through(Revision::March2025, Transport::Stdio)
}

#[test]
fn before_2025_06_18_over_http() -> Result<()> {
    through(Revision::June2025, Transport::Http)
}

#[test]
fn before_2025_06_18_over_stdio() -> Result<()> {
    through(Revision::June2025, Transport::Stdio)
}

#[test]
fn before_2025_11_25_over_http() -> Result<()> {
    through(Revision::November2025, Transport::Http)
}

#[test]
fn before_2025_11_25_over_stdio() -> Result<()> {
    through(Revision::November2025, Transport::Stdio)
}

#[test]
fn before_2026_07_28_over_http() -> Result<()> {
    through(Revision::July2026, Transport::Http)
}

#[test]
fn before_2026_07_28_over_stdio() -> Result<()> {
    through(Revision::July2026, Transport::Stdio)
}

/// All clients, through a gateway, to a server of this revision.
fn through(upstream: Revision, back: Transport) -> Result<()> {
    let stage = Stage::with_gateway(upstream, back)?;
    let mut failures = Vec::new();
    run(&stage, &Revision::ALL, &Transport::ALL, &mut failures)?;
    report(failures)
}

fn run(stage: &Stage, clients: &[Revision], fronts: &[Transport], failures: &mut Vec<String>) -> Result<()> {
    let not_yet = NotYet::read()?;
    for &client in clients {
        for &front in fronts {
            let mut cell = Cell::new(stage, client, front);
            for feature in FEATURES {
                let expected = (feature.expected)(client, stage.upstream);
                if expected == Expected::NotInRevision {
                    continue;
                }
                let listed = stage.is_gateway().then(|| not_yet.reason(feature.name, &cell)).flatten();
                let said = cell.look(feature, listed.is_none() && failures.len() < FAILURES_AWAITED_MAX);
                match (expected.compare(&said), listed) {
                    (None, None) | (Some(_), Some(_)) => {}
                    (Some(failed), None) => failures.push(format!("{} {cell}\n    {failed}", feature.name)),
                    (None, Some(reason)) => {
                        failures.push(format!("{} {cell}\n    works, but is listed as `{reason}`", feature.name));
                    }
                }
            }
        }
    }
    Ok(())
}

/// After so many failures the rest does not wait long either, so that the report comes in time.
const FAILURES_AWAITED_MAX: usize = 3;

fn report(failures: Vec<String>) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    bail!("{} cells are not as expected:\n{}", failures.len(), failures.join("\n"))
}
