//! What crosses the modules: the example, other people's vectors, and other people's code.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may stop at once, too")]

#[path = "../../examples/log.rs"]
mod example;
mod go;
mod vectors;

#[test]
fn the_example_runs() {
    example::main().unwrap();
}
