//! Looking at the gateway's process from outside.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::now;
use crate::parts::Load;

/// What the process holds at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Resident memory.
    pub(crate) kilobytes: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) children: usize,
}

/// One look a second, with how many calls and errors there were by then.
pub(crate) struct Looks {
    pub(crate) taken: Vec<Taken>,
}

/// A look with its moment.
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    pub(crate) look: Look,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
}

impl Look {
    /// Error: the process is gone.
    pub(crate) fn at(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let folder = Path::new(&folder);
        let status = std::fs::read_to_string(folder.join("status")).context("the gateway has ended")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let kilobytes = field("VmRSS:").context("no `VmRSS` in `/proc/PID/status`")?;
        let threads = usize::try_from(field("Threads:").context("no `Threads`")?).unwrap_or(usize::MAX);
        let descriptors = std::fs::read_dir(folder.join("fd")).context("could not list descriptors")?.count();
        let mut children = 0;
        for task in std::fs::read_dir(folder.join("task")).context("could not list threads")?.flatten() {
            // A thread may end meanwhile.
            let of_thread = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            children += of_thread.split_whitespace().count();
        }
        Ok(Self { kilobytes, descriptors, threads, children })
    }

    /// Whether it holds no more than before, but for a few that come and go.
    pub(crate) fn as_before(&self, before: &Self) -> bool {
        self.descriptors <= before.descriptors + DESCRIPTORS_MORE
            && self.threads <= before.threads + THREADS_MORE
            && self.children <= before.children + CHILDREN_MORE
    }
}

impl Looks {
    /// One look a second for so long.
    pub(crate) fn take(process: u32, time: Duration, load: &Load) -> Result<Self> {
        let begun = now();
        let mut taken = Vec::new();
        while begun.elapsed() < time {
            std::thread::sleep(Duration::from_secs(1));
            let (calls, errors) = load.counts();
            taken.push(Taken { seconds: begun.elapsed().as_secs_f64(), look: Look::at(process)?, calls, errors });
        }
        Ok(Self { taken })
    }
}

/// What it holds when nothing goes on any more: after a pause, or as soon as it holds no more than before.
pub(crate) fn settled(process: u32, before: Option<&Look>) -> Result<Look> {
    let begun = now();
    std::thread::sleep(PAUSE);
    loop {
        let look = Look::at(process)?;
        if before.is_none_or(|before| look.as_before(before)) || begun.elapsed() > SETTLING_MAX {
            return Ok(look);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Idle threads of the runtime end after ten seconds.
const PAUSE: Duration = Duration::from_secs(12);
/// Idle connections to an app are kept for a minute and a half.
const SETTLING_MAX: Duration = Duration::from_secs(120);
/// Connections to apps in the pool: as many as calls happened to be in flight at once.
pub(crate) const DESCRIPTORS_MORE: usize = 16;
pub(crate) const THREADS_MORE: usize = 2;
/// The child that crashes may be there or not.
pub(crate) const CHILDREN_MORE: usize = 1;
