//! Starting a gateway for a client that found none.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use model::{Blame, Fault};
use store::DataDir;
use tokio::net::UnixStream;

use super::super::files::private_folder;
use super::super::place::Place;
use crate::gateway::{files, operator};

/// Waits until the socket answers; starts a gateway if nobody holds the data directory. Error: why none answers.
pub(super) async fn wait_for_gateway(place: &Place, may_start: bool) -> Result<(), Fault> {
    let socket = place.data.join(files::CONNECT);
    let mut started: Option<Started> = None;
    for _ in 0..LOOKS_MAX {
        if UnixStream::connect(&socket).await.is_ok() {
            return only_ours(&place.data);
        }
        match (&mut started, DataDir::holder(&place.data)) {
            // Somebody holds it: a gateway that is starting or stopping, or a command that is over at once.
            (_, Some(_)) => {}
            (None, None) if !may_start => {
                let hint = format!("`countersign serve --config {}` starts one", place.config.display());
                return Err(Fault::new(Blame::Operator, "operator.no_gateway", "no gateway runs").hint(hint));
            }
            (None, None) => started = Some(Started::new(place)?),
            (Some(running), None) => {
                if let Some(said) = running.ended() {
                    let fault = Fault::new(Blame::Operator, "operator.gateway_ended", said);
                    return Err(fault.hint("`countersign doctor` says what is wrong"));
                }
            }
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let said = format!("the gateway did not open `{}` in time", socket.display());
    Err(Fault::new(Blame::Operator, "operator.gateway_slow", said)
        .hint(format!("look into `{}`", log_of(place).display())))
}

/// Leaves the session of whoever started us and becomes the gateway. It comes back with an error only.
pub(super) fn become_gateway(place: &Place) -> Fault {
    // One that leads a group already has a session of its own, or its parent saw to it.
    let _ = rustix::process::setsid();
    match std::env::current_exe() {
        Ok(program) => {
            let error = Command::new(program).arg("serve").arg("--config").arg(&place.config).exec();
            operator("operator.start", format!("the gateway could not be started: {error}"), error)
        }
        Err(error) => operator("operator.program", "our own program cannot be found", error),
    }
}

struct Started {
    child: Child,
    log: std::path::PathBuf,
    said_before: u64,
}

impl Started {
    fn new(place: &Place) -> Result<Self, Fault> {
        place.is_there("`countersign init` writes one; `--config FILE` names another")?;
        let wrong = |error: std::io::Error| {
            operator("operator.start", format!("the gateway could not be started: {error}"), error)
        };
        private_folder(&place.data).map_err(wrong)?;
        only_ours(&place.data)?;
        // Before its log is in it.
        private_file::keep_out_of_git(&place.data).map_err(wrong)?;
        let log = log_of(place);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&log).map_err(wrong)?;
        let mut said_before = file.metadata().map_err(wrong)?.len();
        if said_before > LOG_BYTES_MAX {
            file.set_len(0).map_err(wrong)?;
            said_before = 0;
        }
        let child = Command::new(std::env::current_exe().map_err(wrong)?)
            .args(["connect", "--become-gateway", "--config"])
            .arg(&place.config)
            .current_dir(place.config.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(wrong)?)
            .stderr(file)
            .spawn()
            .map_err(wrong)?;
        Ok(Self { child, log, said_before })
    }

    /// What it said, where it has ended.
    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let mut said = String::new();
        if let Ok(mut log) = File::open(&self.log) {
            let _ = log.seek(SeekFrom::Start(self.said_before));
            let _ = log.take(SAID_BYTES_MAX).read_to_string(&mut said);
        }
        Some(match said.trim() {
            "" => format!("the gateway ended at once ({status})"),
            said => format!("the gateway ended at once: {said}"),
        })
    }
}

/// Who can write into the folder can put a socket there.
fn only_ours(data: &Path) -> Result<(), Fault> {
    let about = std::fs::metadata(data)
        .map_err(|error| operator("operator.data", format!("`{}` cannot be read: {error}", data.display()), error))?;
    if about.uid() == rustix::process::getuid().as_raw() && about.mode() & 0o077 == 0 {
        return Ok(());
    }
    let said = format!("the data directory `{}` is open to other users", data.display());
    Err(Fault::new(Blame::Operator, "operator.data_open", said).hint(format!("chmod 700 {}", data.display())))
}

fn log_of(place: &Place) -> std::path::PathBuf {
    place.data.join("gateway.log")
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Twenty seconds.
const LOOKS_MAX: u32 = 400;
const LOG_BYTES_MAX: u64 = 8 << 20;
const SAID_BYTES_MAX: u64 = 4 * 1024;
