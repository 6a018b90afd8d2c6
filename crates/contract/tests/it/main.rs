//! The contracts under `examples/contracts`, and the documents they stand for.

mod examples;
