//! Programs under measurement: started, asked where they listen, looked at in `/proc`, killed at the end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

/// A program that says on its first line of stdout where it listens.
pub(crate) struct Server {
    child: Child,
    /// The first line.
    pub(crate) said: String,
    /// Kept open, so that the program may go on writing.
    _stdout: BufReader<ChildStdout>,
}

// === impl Server ===

impl Server {
    /// Starts it; its stderr goes to a file. Returns when the first line is there.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let errors = File::options().create(true).append(true).open(log);
        let errors = errors.with_context(|| format!("could not write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("could not start `{name}`"))?;
        let stdout = child.stdout.take().context("a child without stdout")?;
        let mut server = Self { child, said: String::new(), _stdout: BufReader::new(stdout) };
        server._stdout.read_line(&mut server.said).with_context(|| format!("could not read what `{name}` says"))?;
        anyhow::ensure!(!server.said.is_empty(), "`{name}` ended before it listened\nhint: see {}", log.display());
        Ok(server)
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time it has used so far, in microseconds.
    pub(crate) fn processor_time_us(&self) -> Result<f64> {
        let text = self.proc("stat")?;
        // The name, in parentheses, may hold anything; the fields after it are plain.
        let after = text.rsplit_once(')').map(|(_, after)| after).unwrap_or_default();
        let ticks = |place: usize| after.split_whitespace().nth(place).and_then(|text| text.parse::<f64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("`/proc/PID/stat` is not as expected")?;
        Ok((user + system) * 1e6 / TICKS_PER_SECOND)
    }

    /// Resident memory in MB: now, and the most it ever was.
    pub(crate) fn memory_mb(&self) -> Result<(f64, f64)> {
        let text = self.proc("status")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
            Some(kib * 1024.0 / 1e6)
        };
        field("VmRSS:").zip(field("VmHWM:")).context("`/proc/PID/status` is not as expected")
    }

    /// Begins the most it ever held anew.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(&path, "5").with_context(|| format!("could not write {path}"))
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("could not read {path}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `getconf CLK_TCK`, which is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;
