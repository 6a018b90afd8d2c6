//! The walk in the guide, played: its files are written, its commands run, its agents call, and what it says comes out.

use anyhow::{Context, Result, bail, ensure};
use demo::{App, Apps};
use testkit::World;

use crate::kit::{text, world};

#[test]
fn the_walk_in_the_guide_is_true() -> Result<()> {
    let guide = include_str!("../../../../docs/guide/policy.md");
    let (_, walk) = guide.split_once("\n## A walk").context("there is no walk")?;
    let steps = played(walk)?;
    ensure!(steps > 20, "only {steps} steps were played");
    Ok(())
}

#[test]
fn the_trace_guide_is_true() -> Result<()> {
    let steps = played(include_str!("../../../../docs/guide/trace.md"))?;
    ensure!(steps > 15, "only {steps} steps were played");
    Ok(())
}

#[test]
fn the_contracts_guide_is_true() -> Result<()> {
    let steps = played(include_str!("../../../../docs/guide/contracts.md"))?;
    ensure!(steps > 5, "only {steps} steps were played");
    Ok(())
}

#[test]
fn the_export_guide_is_true() -> Result<()> {
    let steps = played(include_str!("../../../../docs/guide/export.md"))?;
    ensure!(steps > 8, "only {steps} steps were played");
    Ok(())
}

/// Plays a guide; says how many steps it has.
fn played(guide: &str) -> Result<usize> {
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let apps = Apps::start_with(|_| None)?;
    let mut walk = Walk { world: world().prepare()?, crm: apps.url(App::Crm).to_owned(), steps: 0 };
    for (info, block) in blocks(guide) {
        let done = match info.split_once(' ').unwrap_or((info, "")) {
            ("console", _) => walk.commands(block),
            ("agents", _) => walk.calls(block),
            ("sh" | "sql" | "postgresql", "") => continue,
            (_, "") => bail!("the walk has a block that nobody plays: {info}"),
            (_, file) => walk.write(file, block),
        };
        done.with_context(|| format!("in the block\n{block}"))?;
    }
    Ok(walk.steps)
}

struct Walk {
    world: World,
    crm: String,
    steps: usize,
}

impl Walk {
    fn write(&mut self, file: &str, block: &str) -> Result<()> {
        let mut text = block.replace("https://crm.example.org/mcp", &self.crm);
        if file == "countersign.yaml" {
            text.push_str("listen: 127.0.0.1:0\n");
        }
        let file = self.world.folder().join(file);
        std::fs::create_dir_all(file.parent().context("no folder")?)?;
        std::fs::write(&file, text)?;
        self.steps += 1;
        Ok(())
    }

    fn commands(&mut self, block: &str) -> Result<()> {
        for step in block.split("$ ").filter(|step| !step.is_empty()) {
            let (line, wanted) = step.split_once('\n').unwrap_or((step, ""));
            let (line, exit) = line.split_once(" # exit ").unwrap_or((line, "0"));
            self.command(line, exit.parse()?, wanted).with_context(|| format!("`{line}`"))?;
            self.steps += 1;
        }
        Ok(())
    }

    fn command(&mut self, line: &str, exit: i32, wanted: &str) -> Result<()> {
        if line == "countersign serve &" {
            return self.world.restart();
        }
        let (line, into) = line.split_once(" > ").map_or((line, None), |(line, file)| (line, Some(file)));
        let mut words = line.split(' ');
        ensure!(words.next() == Some("countersign"), "not ours");
        let words: Vec<&str> = words.collect();
        let done = self.world.run(&words)?;
        ensure!(done.code == exit, "it ended with {}: {}{}", done.code, done.stdout, done.stderr);
        match into {
            Some(file) => std::fs::write(self.world.folder().join(file), done.stdout)?,
            // The binary is told where its configuration is, where a reader of the guide stands beside it.
            None => {
                let folder = format!("{}/", self.world.folder().display());
                same(&format!("{}{}", done.stdout, done.stderr).replace(&folder, ""), wanted)?;
            }
        }
        Ok(())
    }

    fn calls(&mut self, block: &str) -> Result<()> {
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            let (who, what) = line.split_once(" calls ").context("not a call")?;
            let (agent, human) = who.split_once(" for ").context("nobody calls")?;
            let (tool, arguments) = what.split_once(' ').context("no arguments")?;
            let wanted = lines.next().context("nothing comes of it")?.trim();
            let answer = self.world.client(agent, human)?.call(tool, serde_json::from_str(arguments)?)?;
            match wanted {
                "it runs" => ensure!(answer.get("isError") != Some(&true.into()), "it did not run: {answer}"),
                _ => same(text(&answer), wanted)?,
            }
            self.steps += 1;
        }
        Ok(())
    }
}

/// The fenced blocks of a document, each with what stands behind its fence.
fn blocks(document: &str) -> impl Iterator<Item = (&str, &str)> {
    document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'))
}

/// Whether a text is what was promised, with anything at each `…`. White space at the ends of lines does not count.
fn same(said: &str, wanted: &str) -> Result<()> {
    let plain = |text: &str| text.trim().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let (said, wanted) = (plain(said), plain(wanted));
    let mut rest = said.as_str();
    let pieces: Vec<&str> = wanted.split('…').map(|piece| piece.trim_matches('\n')).collect();
    for (place, piece) in pieces.iter().enumerate() {
        let found = match place {
            0 => rest.starts_with(piece).then_some(0),
            _ => rest.find(piece),
        };
        let at = found.with_context(|| format!("`{piece}` is not in what is left:\n{rest}\nof:\n{said}"))?;
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    ensure!(rest.is_empty() || wanted.ends_with('…'), "there is more:\n{rest}");
    Ok(())
}
