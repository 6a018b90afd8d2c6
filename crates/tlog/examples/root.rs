//! Measures leaf hashes a second on one core: `cargo run --release -p tlog --example root [LEAVES]`.

use std::error::Error;
use std::time::{Duration, Instant};

use tlog::{Frontier, Hash, Inclusion, Leaf};

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
#[expect(clippy::print_stdout, reason = "the figures are its data")]
fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(4_000_000), |count| count.parse())?;
    let started = Instant::now();
    let leaves: Vec<Hash> = (0..count).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect();
    println!("leaf hashes of eight bytes:  {:>10.0}/s", rate(count, started.elapsed()));

    let started = Instant::now();
    let mut frontier = Frontier::new();
    frontier.append(&leaves, |_, _| ())?;
    let tree = frontier.tree();
    println!("root over leaf hashes:       {:>10.0}/s", rate(count, started.elapsed()));

    let started = Instant::now();
    let mut frontier = Frontier::new();
    for batch in leaves.chunks(16) {
        let mut grown = frontier.clone();
        grown.append(batch, |_, _| ())?;
        std::hint::black_box((grown.state(), grown.tree()));
        frontier = grown;
    }
    assert_eq!(frontier.tree(), tree);
    println!("in commits of 16, with root: {:>10.0}/s", rate(count, started.elapsed()));

    let index = count / 3;
    let plan = Inclusion { index, size: count }.plan()?;
    let hashes: Vec<Hash> = plan.nodes().iter().map(|node| root(&leaves, node.leaves())).collect();
    let proof = plan.inclusion(&hashes)?;
    let leaf = Leaf { index, hash: leaves.get(usize::try_from(index)?).copied().ok_or("no leaves")? };
    let started = Instant::now();
    for _ in 0..PROOFS {
        std::hint::black_box(&proof).check(leaf, tree)?;
    }
    println!("inclusion proofs checked:    {:>10.0}/s", rate(PROOFS, started.elapsed()));
    let started = Instant::now();
    for _ in 0..PROOFS {
        std::hint::black_box(Inclusion { index, size: count }.plan()?.inclusion(&hashes)?);
    }
    println!("inclusion proofs made:       {:>10.0}/s", rate(PROOFS, started.elapsed()));
    Ok(())
}

fn root(leaves: &[Hash], range: std::ops::Range<u64>) -> Hash {
    let mut frontier = Frontier::new();
    let range = usize::try_from(range.start).unwrap_or_default()..usize::try_from(range.end).unwrap_or_default();
    let appended = frontier.append(leaves.get(range).unwrap_or_default(), |_, _| ());
    appended.map_or_else(|_| Hash::of_nothing(), |()| frontier.tree().root)
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

const PROOFS: u64 = 100_000;
