//! The classifier against what a person said of real tools.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

mod labels;
mod measure;
