//! `cargo xtask screenshots`: pictures of the console's pages, of a scripted world, into `docs/images`.

use std::path::Path;

use anyhow::{Context, Result};

use crate::run::{program, run};

/// Takes the pictures anew. The test that takes them fails where a page is not as it should be.
pub(crate) fn screenshots(root: &Path) -> Result<()> {
    let folder = root.join("docs/images");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    run(&mut program("cargo", &["build", "-p", "countersign", "-p", "testkit", "--bins"], root))?;
    let test = ["nextest", "run", "-p", "countersign", "--test", "it", "pictures_are_taken"];
    run(program("cargo", &test, root).env("COUNTERSIGN_PICTURES", &folder))
}
