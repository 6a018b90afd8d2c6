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

use engine::Gate;

use crate::plain::Plain;
use crate::world::{Call, World};

fn main() -> Result<(), Box<dyn Error>> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let mut places = Vec::new();
    for rules in RULES.into_iter().filter(|rules| only.is_empty() || only.contains(&rules.to_string())) {
        places.push(Place::new(rules)?);
    }
    // As a gateway does when its rules are loaded.
    resident::in_large_pages()?;
    let [mut switched, mut cold, mut warm] = [(); 3].map(|()| Rounds::of(&places));
    // In turns, so that whatever else the machine does meets all of them.
    for _ in 0..ROUNDS {
        for (at, place) in places.iter().enumerate() {
            // The rules before have taken its place near the processor. A gateway has one set of rules, so that what it is
            // like there comes after, with other calls.
            switched.take(at, &place.others, |call| drop(black_box(call.decided(&place.gate))));
            cold.take(at, &place.cold, |call| drop(black_box(call.decided(&place.gate))));
            let again: Vec<_> = place.warm.iter().cycle().take(COLD_CALLS).collect();
            warm.take(at, &again, |call| drop(black_box(call.decided(&place.gate))));
        }
    }
    switched.report("switched", &places);
    cold.report("cold", &places);
    warm.report("warm", &places);
    cold.report_growth(&places);
    if !only.is_empty() {
        return Ok(());
    }
    for place in &places {
        let (rules, world) = (place.rules, &place.world);
        let few = place.cold.get(..slow_calls(rules)).unwrap_or(&place.cold);
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

/// So many rules, and calls to decide under them.
struct Place {
    rules: usize,
    world: World,
    gate: Gate,
    /// With facts that differ each time.
    cold: Vec<Call>,
    /// As many others.
    others: Vec<Call>,
    /// The same few things over and over, as agents do.
    warm: Vec<Call>,
}

/// p50 and p99 of each round, by place.
struct Rounds(Vec<Vec<(f64, f64)>>);

impl Place {
    fn new(rules: usize) -> Result<Self, Box<dyn Error>> {
        let world = World::new(rules)?;
        let start = Instant::now();
        let bundle = world.bundle(rules)?;
        println!("{{\"name\":\"compile\",\"rules\":{rules},\"seconds\":{:.3}}}", start.elapsed().as_secs_f64());
        let gate = world.gate(Box::new(bundle));
        // No more in all than there is room for counters of budgets: the making of those is no part of this.
        let mut others = world.calls(2 * COLD_CALLS)?;
        let (cold, warm) = (others.split_off(COLD_CALLS), world.calls(WARM_CALLS)?);
        Ok(Self { rules, world, gate, cold, others, warm })
    }
}

impl Rounds {
    fn of(places: &[Place]) -> Self {
        Self(places.iter().map(|_| Vec::new()).collect())
    }

    fn take<C>(&mut self, place: usize, calls: &[C], one: impl FnMut(&C)) {
        self.0[place].push(round(calls, one));
    }

    fn report(&self, name: &str, places: &[Place]) {
        for (place, rounds) in places.iter().zip(&self.0) {
            print(name, place.rules, rounds);
        }
    }

    /// How much longer the slowest hundredth takes under the most rules than under the most but for those, round by round.
    fn report_growth(&self, places: &[Place]) {
        let ([.., few, many], [.., under_few, under_many]) = (self.0.as_slice(), places) else { return };
        let times = middle(few.iter().zip(many).map(|(few, many)| many.1 / few.1).collect());
        let (rules, over) = (under_many.rules, under_few.rules);
        println!("{{\"name\":\"growth\",\"rules\":{rules},\"over\":{over},\"p99_times\":{times:.3}}}");
    }
}

/// The median of the rounds of the p50 and of the p99.
fn report<C>(name: &str, rules: usize, calls: &[C], mut one: impl FnMut(&C)) {
    let rounds: Vec<_> = (0..SLOW_ROUNDS).map(|_| round(calls, &mut one)).collect();
    print(name, rules, &rounds);
}

fn round<C>(calls: &[C], mut one: impl FnMut(&C)) -> (f64, f64) {
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
    (at(50), at(99))
}

fn print(name: &str, rules: usize, rounds: &[(f64, f64)]) {
    let p50 = middle(rounds.iter().map(|round| round.0).collect());
    let p99 = middle(rounds.iter().map(|round| round.1).collect());
    println!("{{\"name\":\"{name}\",\"rules\":{rules},\"p50_us\":{p50:.2},\"p99_us\":{p99:.2}}}");
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What looks at every rule takes long: fewer calls show as much.
fn slow_calls(rules: usize) -> usize {
    (400_000 / rules.max(1)).clamp(200, COLD_CALLS)
}

const RULES: [usize; 3] = [10, 1_000, 10_000];
const ROUNDS: usize = 15;
const SLOW_ROUNDS: usize = 5;
const COLD_CALLS: usize = 10_000;
const WARM_CALLS: usize = 256;
