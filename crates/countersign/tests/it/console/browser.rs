//! A real Chromium, told what to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

pub(crate) struct Browser {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Browser {
    pub(crate) fn start() -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser");
        ensure!(folder.join("node_modules").exists(), "the browser's driver is not installed\nhint: cargo xtask setup");
        let mut child = Command::new("node")
            .arg("pages.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("no node")?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, to, from })
    }

    /// Does one thing; what came of it.
    pub(crate) fn act(&mut self, what: &str, told: Value) -> Result<Value> {
        let mut line = told;
        line.as_object_mut().context("told as an object")?.insert("do".to_owned(), what.into());
        writeln!(self.to.as_mut().context("closed")?, "{line}")?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| format!("{line}: `{answer}`"))?;
        match answer.get("error") {
            Some(error) => bail!("{line}: {error} at {:?}", answer.get("at")),
            None => Ok(answer.get("done").cloned().unwrap_or_default()),
        }
    }

    pub(crate) fn open(&mut self, width: u32, height: u32, scheme: &str) -> Result<()> {
        self.act("open", json!({ "width": width, "height": height, "scheme": scheme })).map(drop)
    }

    pub(crate) fn go(&mut self, url: &str) -> Result<()> {
        self.act("go", json!({ "url": url })).map(drop)
    }

    pub(crate) fn fill(&mut self, label: &str, text: &str) -> Result<()> {
        self.act("fill", json!({ "label": label, "text": text })).map(drop)
    }

    pub(crate) fn click(&mut self, role: &str, name: &str) -> Result<()> {
        self.act("click", json!({ "role": role, "name": name })).map(drop)
    }

    pub(crate) fn press(&mut self, keys: &[&str]) -> Result<()> {
        self.act("press", json!({ "keys": keys })).map(drop)
    }

    pub(crate) fn is_at(&mut self, path: &str) -> Result<()> {
        self.act("waitForUrl", json!({ "path": path })).map(drop)
    }

    pub(crate) fn reads(&mut self, text: &str) -> Result<()> {
        self.act("waitFor", json!({ "text": text })).map(drop)
    }

    /// Nothing was loaded from elsewhere, nothing complained, nothing hinders anybody, nothing sticks out.
    pub(crate) fn is_in_order(&mut self, what: &str) -> Result<()> {
        let noise = self.act("noise", json!({}))?;
        ensure!(noise == json!([]), "{what}: {noise:#}");
        let found = self.act("axe", json!({}))?;
        ensure!(found == json!([]), "{what}: {found:#}");
        let wide = self.act("wide", json!({}))?;
        ensure!(wide.as_i64().is_some_and(|wide| wide <= 0), "{what} is {wide} px too wide");
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its input ends, and with that it does.
        drop(self.to.take());
        let _ended = self.child.wait();
    }
}
