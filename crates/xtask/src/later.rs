//! Commands that measure and that break things on purpose.

use anyhow::{Result, bail};

/// `bench mcp`.
pub(crate) fn bench(words: &[&str]) -> Result<bool> {
    match words {
        ["mcp"] => bail!("`bench mcp` measures nothing yet"),
        _ => bail!("`bench` knows `mcp`"),
    }
}

/// `soak kills`.
pub(crate) fn soak(words: &[&str]) -> Result<bool> {
    match words {
        ["kills"] => bail!("`soak kills` kills nothing yet"),
        _ => bail!("`soak` knows `kills`"),
    }
}
