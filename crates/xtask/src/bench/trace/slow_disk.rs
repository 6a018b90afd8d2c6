//! A disk that does fewer writes a second than the one of this machine: a control group whose writes the kernel spaces out.
//! Linux documents both ways in `admin-guide/cgroup-v1/blkio-controller.rst` and `admin-guide/cgroup-v2.rst` (`io.max`).

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What runs in the group has the slow disk. Removed when dropped, by when that has ended.
pub(super) struct SlowDisk {
    group: PathBuf,
}

// === impl SlowDisk ===

impl SlowDisk {
    /// The disk of this folder with so many writes a second. Error: the system has no such groups, or does not let us make one.
    pub(super) fn of(folder: &Path, writes: u32) -> Result<Self> {
        let device = disk_of(folder)?;
        for (parent, file, limit) in [
            ("/sys/fs/cgroup/blkio", "blkio.throttle.write_iops_device", format!("{device} {writes}")),
            ("/sys/fs/cgroup", "io.max", format!("{device} wiops={writes}")),
        ] {
            // Of version 2, where a group has to pass the controller on; elsewhere there is no such file.
            let _may_have_it_already = std::fs::write(Path::new(parent).join("cgroup.subtree_control"), "+io");
            let group = Path::new(parent).join(format!("countersign-bench-{}", std::process::id()));
            if std::fs::create_dir(&group).is_err() {
                continue;
            }
            let disk = Self { group };
            if std::fs::write(disk.group.join(file), limit).is_ok() {
                return Ok(disk);
            }
        }
        bail!(
            "no control group limits what is written to the disk {device}\nhint: as root, where the kernel has the block I/O controller"
        )
    }

    /// A program that begins in the group.
    pub(super) fn program(&self, name: &str, arguments: &[&str], folder: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.group.join("cgroup.procs"));
        command.arg(name).args(arguments).current_dir(folder);
        command
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir(&self.group);
    }
}

/// `MAJOR:MINOR` of the whole disk on which a folder stands.
fn disk_of(folder: &Path) -> Result<String> {
    let device = folder.metadata().with_context(|| format!("could not look at {}", folder.display()))?.dev();
    let (major, minor) = (device >> 8 & 0xFFF | device >> 32 & !0xFFF, device & 0xFF | device >> 12 & !0xFF);
    let about = format!("/sys/dev/block/{major}:{minor}");
    let about = std::fs::canonicalize(&about).with_context(|| format!("{} is on no disk", folder.display()))?;
    // A partition stands below its disk.
    let disk = if about.join("partition").exists() { about.parent().unwrap_or(&about) } else { &about };
    let number = std::fs::read_to_string(disk.join("dev")).context("a disk without a number")?;
    Ok(number.trim().to_owned())
}
