//! Measures one decision from request to verdict, as an engine's gate takes it (facts gathered from a directory of 10,000
//! people, arguments read, a budget taken from), under 10, 1,000 and 10,000 rules in Cedar and a few more in YAML.
//! `cargo xtask bench decide` builds and runs it; it prints one line of JSON for each way: name, rules, p50 and p99 in µs.
//! With numbers, as in `decide 1000 10000`, it measures decisions alone, under so many rules: what to give to `callgrind`.
//!
//! An organisation with more rules has more apps: ten rules for each app, and some for all. So what concerns one call is
//! the same few rules however many there are, and only the search for them can cost more.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a stopwatch for people"
)]

#[path = "decide/plain.rs"]
mod plain;
#[cfg(feature = "rego")]
#[path = "decide/rego.rs"]
mod rego;
#[path = "decide/world.rs"]
mod world;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use crate::plain::Plain;
use crate::world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for rules in RULES.into_iter().filter(|rules| only.is_empty() || only.contains(&rules.to_string())) {
        let world = World::new(rules)?;
        let start = Instant::now();
        let bundle = world.bundle(rules)?;
        println!("{{\"name\":\"compile\",\"rules\":{rules},\"seconds\":{:.3}}}", start.elapsed().as_secs_f64());
        let gate = world.gate(Box::new(bundle));
        // As a gateway does when its rules are loaded.
        resident::in_large_pages()?;
        // Facts that differ each time.
        let cold = world.calls(COLD_CALLS)?;
        report("cold", rules, &cold, |call| drop(black_box(call.decided(&gate))));
        // The same few things over and over, as agents do.
        let warm = world.calls(WARM_CALLS)?;
        let again: Vec<_> = warm.iter().cycle().take(COLD_CALLS).collect();
        report("warm", rules, &again, |call| drop(black_box(call.decided(&gate))));
        if !only.is_empty() {
            continue;
        }
        let few = cold.get(..slow_calls(rules)).unwrap_or(&cold);
        let plain = Plain::new(rules)?;
        report("plain Cedar", rules, few, |call| {
            let facts = world.gather(call).expect("a call of somebody known");
            black_box(plain.decide(&facts).expect("an answer"));
        });
        #[cfg(feature = "rego")]
        {
            let mut rego = rego::Rego::new(rules)?;
            report("regorus", rules, few, |call| {
                let facts = world.gather(call).expect("a call of somebody known");
                black_box(rego.decide(&facts).expect("an answer"));
            });
        }
    }
    Ok(())
}

/// The median of the rounds of the p50 and of the p99.
fn report<C>(name: &str, rules: usize, calls: &[C], mut one: impl FnMut(&C)) {
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut micros: Vec<f64> = calls
            .iter()
            .map(|call| {
                let start = Instant::now();
                one(call);
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        micros.sort_by(f64::total_cmp);
        let at = |part: usize| micros.get(micros.len() * part / 100).copied().unwrap_or_default();
        p50.push(at(50));
        p99.push(at(99));
    }
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let (p50, p99) = (middle(p50), middle(p99));
    println!("{{\"name\":\"{name}\",\"rules\":{rules},\"p50_us\":{p50:.2},\"p99_us\":{p99:.2}}}");
}

/// What looks at every rule takes long: fewer calls show as much.
fn slow_calls(rules: usize) -> usize {
    (400_000 / rules.max(1)).clamp(200, COLD_CALLS)
}

const RULES: [usize; 3] = [10, 1_000, 10_000];
const ROUNDS: usize = 5;
const COLD_CALLS: usize = 20_000;
const WARM_CALLS: usize = 256;
