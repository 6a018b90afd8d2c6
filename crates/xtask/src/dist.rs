//! `cargo xtask dist`: the program as it is shipped, linked so that what runs together stands together.
//!
//! The kernel maps a program in windows of 64 KB around each page that is touched. Left to the linker, what a gateway uses
//! stands among twice as much that it does not use, and all of it is resident. So the program is linked three times from the
//! same objects: by Cargo; with its symbols, to be watched at work (`train.rs`); and in the order in which it was seen to
//! work (`order.rs`). Compiling, which takes minutes, is done once.

mod order;
mod train;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{answers, capture, program, run};

/// The programs of one build.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) countersign: PathBuf,
    pub(crate) upstream: PathBuf,
    pub(crate) load: PathBuf,
    pub(crate) pipe: PathBuf,
    pub(crate) holds: PathBuf,
    pub(crate) soak: PathBuf,
    pub(crate) rows: PathBuf,
}

/// One link again, from what the first one read.
struct Objects {
    linker: PathBuf,
    /// Where everything that the linker read was unpacked.
    folder: PathBuf,
    /// The words of its command line.
    words: Vec<String>,
}

// === impl Programs ===

impl Programs {
    /// As they are shipped, built last, however long ago.
    pub(crate) fn shipped() -> Result<Self> {
        let target = target_folder()?;
        Ok(Self { countersign: target.join("shipped/countersign"), ..Self::of(&target.join("dist")) })
    }

    /// Of the debug build.
    pub(crate) fn debug() -> Result<Self> {
        Ok(Self::of(&target_folder()?.join("debug")))
    }

    fn of(folder: &Path) -> Self {
        Self {
            countersign: folder.join("countersign"),
            upstream: folder.join("testkit-upstream"),
            load: folder.join("testkit-load"),
            pipe: folder.join("testkit-pipe"),
            holds: folder.join("testkit-holds"),
            soak: folder.join("testkit-soak"),
            rows: folder.join("testkit-rows"),
        }
    }
}

/// Builds everything that is shipped, or needed to measure it. Quick when nothing changed.
pub(crate) fn ship(root: &Path) -> Result<Programs> {
    let shipped = Programs::shipped()?;
    let target = target_folder()?;
    let read = target.join("dist/countersign.link.tar");
    let testkit = ["build", "--profile", "dist", "--locked", "-p", "testkit", "--bins", "--quiet"];
    run(&mut program("cargo", &testkit, root))?;
    let countersign =
        ["rustc", "--profile", "dist", "--locked", "-p", "countersign", "--bin", "countersign", "--quiet"];
    let mut cargo = program("cargo", &countersign, root);
    if !cfg!(target_os = "linux") {
        run(&mut cargo)?;
        eprintln!(
            "dist: only on Linux is a program put in the order in which it works: this one stands as it was linked"
        );
        return keep(&target.join("dist/countersign"), &shipped.countersign).map(|()| shipped);
    }
    let folder = linker_folder()?;
    cargo.arg("--").arg(format!("-Clink-arg=-B{}", folder.display())).arg("-Clink-arg=-fuse-ld=lld");
    run(cargo.arg(format!("-Clink-arg=-Wl,--reproduce={}", read.display())))?;
    if is_newer(&shipped.countersign, &read)? {
        return Ok(shipped);
    }
    ensure!(answers("valgrind", &["--version"]), "`valgrind` does not answer\nhint: apt-get install valgrind");
    let objects = Objects::unpack(&read, &target.join("shipped/objects"), folder.join("ld.lld"))?;
    let watched = target.join("shipped/watched");
    objects.link(&watched, false, &[])?;
    let seen =
        train::train(&Programs { countersign: watched.clone(), ..shipped.clone() }, &target.join("shipped/train"))?;
    let order = seen.order();
    // Fewer would mean that the program or valgrind did not do what we think.
    ensure!(order.len() >= FUNCTIONS_MIN, "only {} functions of `{}` were seen", order.len(), watched.display());
    // The linker sees the folder of the objects as its root.
    let list = objects.folder.join(ORDER_FILE);
    let text = order.iter().flat_map(|name| [name, "\n"]).collect::<String>();
    std::fs::write(&list, text).with_context(|| format!("could not write {}", list.display()))?;
    let new = target.join("shipped/countersign.new");
    objects.link(&new, true, &[format!("--symbol-ordering-file={ORDER_FILE}"), "--no-warn-symbol-ordering".into()])?;
    keep(&new, &shipped.countersign)?;
    eprintln!("dist: {}, in the order of {} functions", shipped.countersign.display(), order.len());
    Ok(shipped)
}

// === impl Objects ===

impl Objects {
    /// Unpacks what `--reproduce` kept: the objects and libraries, and the command line in `response.txt`.
    fn unpack(archive: &Path, folder: &Path, linker: PathBuf) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("could not empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        run(Command::new("tar").arg("-xf").arg(archive).arg("--strip-components=1").arg("-C").arg(folder))?;
        let words = std::fs::read_to_string(folder.join("response.txt")).context("the linker kept no command line")?;
        let words: Vec<String> = words.lines().map(str::to_owned).collect();
        ensure!(words.iter().any(|word| word.starts_with("-o ")), "the linker's command line names no output");
        Ok(Self { linker, folder: folder.to_owned(), words })
    }

    fn link(&self, to: &Path, strip: bool, more: &[String]) -> Result<()> {
        let mut words: Vec<String> = Vec::new();
        for word in &self.words {
            match word.as_str() {
                "--strip-all" | "-s" | "--strip-debug" | "-S" if !strip => {}
                output if output.starts_with("-o ") => words.push(format!("-o {}", to.display())),
                _ => words.push(word.clone()),
            }
        }
        words.extend_from_slice(more);
        let file = self.folder.join("again.txt");
        std::fs::write(&file, words.join("\n")).with_context(|| format!("could not write {}", file.display()))?;
        run(Command::new(&self.linker).arg("@again.txt").current_dir(&self.folder))
    }
}

/// Puts a program in its place at once: one that runs keeps what it was.
fn keep(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    }
    let part = to.with_extension("part");
    std::fs::copy(from, &part).with_context(|| format!("could not copy {}", from.display()))?;
    std::fs::rename(&part, to).with_context(|| format!("could not write {}", to.display()))
}

fn is_newer(file: &Path, than: &Path) -> Result<bool> {
    let time = |file: &Path| std::fs::metadata(file).and_then(|about| about.modified());
    let than = time(than).context("the linker kept nothing of what it read")?;
    Ok(time(file).is_ok_and(|time| time > than))
}

/// Cargo's target folder: the one that this program runs from.
fn target_folder() -> Result<PathBuf> {
    let here = std::env::current_exe().context("this program does not know where it stands")?;
    here.ancestors().nth(2).map(Path::to_owned).context("this program stands in no target folder")
}

/// Where rustc's own linker stands, under the name that a C compiler looks for.
fn linker_folder() -> Result<PathBuf> {
    let ask = |what: &str| capture(Command::new("rustc").args(["--print", what]));
    let sysroot = ask("sysroot")?;
    let host = ask("host-tuple")?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin/gcc-ld");
    if !folder.join("ld.lld").exists() {
        bail!("the Rust toolchain has no linker of its own in {}", folder.display());
    }
    Ok(folder)
}

const ORDER_FILE: &str = "order.txt";
/// A tenth of what a run touches.
const FUNCTIONS_MIN: usize = 800;
