//! `matrix`: the authority matrix as a table that is committed and reviewed.

use std::path::Path;
use std::process::ExitCode;

use model::{Blame, Fault};

use super::shown::diff;
use crate::cli::{Common, MatrixArgs};
use crate::judge::matrix::Matrix;
use crate::judge::{Judge, WEDNESDAY};
use crate::terminal::{Look, out, say};

/// Prints it, or compares it. Exit code 1: it is not what was reviewed.
pub fn run(common: &Common, args: &MatrixArgs) -> Result<ExitCode, Fault> {
    let judge = Judge::of_files(&common.config)?;
    let matrix = Matrix::of(&judge, WEDNESDAY)?;
    match &args.check {
        Some(file) => check(common, file, &matrix.text()),
        None if common.json => {
            out(matrix.to_json());
            Ok(ExitCode::SUCCESS)
        }
        None => {
            out(matrix.text().trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(common: &Common, file: &Path, now: &str) -> Result<ExitCode, Fault> {
    let reviewed = std::fs::read_to_string(file).map_err(|error| {
        let said = format!("`{}` cannot be read: {error}", file.display());
        Fault::new(Blame::Operator, "operator.file", said)
            .hint(format!("`countersign matrix > {}` writes it", file.display()))
    })?;
    let same = reviewed.trim_end() == now.trim_end();
    if common.json {
        out(serde_json::json!({ "same": same, "reviewed": reviewed, "now": now }));
    } else if same {
        out(format_args!("as reviewed in {}", file.display()));
    } else {
        for line in diff(Look::stdout(), reviewed.as_bytes(), now.as_bytes(), &[]) {
            out(line);
        }
        say(format_args!(
            "who may do what is not what was reviewed; to accept it: countersign matrix --config {} > {}",
            common.config.display(),
            file.display()
        ));
    }
    Ok(ExitCode::from(u8::from(!same)))
}
