//! What crosses the modules: the example, other people's vectors, and other people's code.

#[path = "../../examples/log.rs"]
mod example;
mod go;
mod vectors;

#[test]
fn the_example_runs() {
    example::main().unwrap();
}
