//! Prints how the classifier does on the labels: `cargo run -p profile --example classifier [tuning|held-out]`.
//! With a half, that one only, and every tool of it that is proposed otherwise than it is labelled.
#![expect(clippy::print_stdout, reason = "a report for people")]

#[path = "../tests/it/measure.rs"]
#[expect(clippy::indexing_slicing, reason = "shared with the tests")]
mod measure;

use std::error::Error;

use measure::Half;

fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args().nth(1);
    let definitions = measure::definitions().ok_or("`shared/data/tool-definitions/tools.jsonl` is not here")?;
    let halves = [(Half::Tuning, "tuning"), (Half::HeldOut, "held-out")];
    for (half, name) in halves.into_iter().filter(|(_, name)| named.as_deref().is_none_or(|named| named == *name)) {
        let judged = measure::judge(half, &definitions)?;
        println!("## {name}\n\n{}", measure::matrix(&judged));
        if named.is_some() {
            let mut wrong: Vec<_> = judged.iter().filter(|one| one.proposed != one.label).collect();
            wrong.sort_by_key(|one| (!one.too_low(), one.label, one.proposed));
            for one in wrong {
                let direction = if one.too_low() { "LOW " } else { "high" };
                println!("{direction} {} as {}: {}/{}: {}", one.label, one.proposed, one.server, one.tool, one.why);
            }
            println!();
        }
    }
    Ok(())
}
