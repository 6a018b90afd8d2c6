//! A real PostgreSQL server, with data of its own and no port: it listens on a socket in its folder.
//!
//! A server refuses to run as root, so for root it runs as another user. Making an empty cluster takes seconds: it is made
//! once a machine and copied.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server. It ends with the value, and with the thread that started it.
#[derive(Debug)]
pub struct PostgresServer {
    programs: Programs,
    folder: TempDir,
    settings: Vec<String>,
    /// Which port: of the loopback where it listens there, in the name of its socket in any case.
    port: u16,
    running: Option<Child>,
}

#[derive(Debug, Clone)]
struct Programs {
    folder: PathBuf,
    /// Who runs them; none: whoever we are.
    user: Option<(u32, u32)>,
}

impl PostgresServer {
    /// Starts a server.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with these settings, such as `fsync=off`.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        Self::start_on(PORT, settings, &[])
    }

    /// Starts a server that also listens on the loopback, for links encrypted with this certificate and this key, both in PEM.
    pub fn start_encrypted(certificate: &str, key: &str) -> Result<Self> {
        // Nobody else takes it in the moment before the server does.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let settings = ["listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key"];
        Self::start_on(port, &settings, &[("server.crt", certificate), ("server.key", key)])
    }

    fn start_on(port: u16, settings: &[&str], files: &[(&str, &str)]) -> Result<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir()?;
        let made = programs.empty_cluster()?;
        if let Some((user, group)) = programs.user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let data = folder.path().join("data");
        run(programs.command("/bin/cp").arg("-a").arg(&made).arg(&data))?;
        for (name, text) in files {
            let file = data.join(name);
            std::fs::write(&file, text)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
            if let Some((user, group)) = programs.user {
                chown(&file, Some(user), Some(group))?;
            }
        }
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { programs, folder, settings, port, running: None };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it after [`PostgresServer::kill`].
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "the server runs already");
        // A server that was killed leaves a file behind that another process may have the number of by now.
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.socket());
        command.args(["-h", "", "-p", &self.port.to_string()]);
        for setting in FIXED.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            command.arg("-c").arg(setting);
        }
        let log = std::fs::File::create(self.folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.running = Some(command.spawn().with_context(|| format!("could not start {command:?}"))?);
        for _ in 0..LOOKS {
            let mut ready = self.command("pg_isready");
            if ready.arg("-q").arg("-h").arg(self.socket()).status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        bail!("the server did not start: {}", std::fs::read_to_string(self.folder.path().join("log"))?)
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        // Its children end by themselves once they find it gone; told to quit, it waits for them.
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::QUIT);
        }
        let _ended = child.wait();
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Where its socket is.
    pub fn socket_file(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port))
    }

    /// Makes a database. Returns its address.
    pub fn database(&self, name: &str) -> Result<String> {
        let mut create = self.command("createdb");
        run(create.arg("-h").arg(self.socket()).args(["-U", USER, name]))?;
        Ok(format!("postgres:///{name}?host={}&user={USER}", self.socket().display()))
    }

    /// The port of the loopback, where it listens there.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.programs.command(self.programs.folder.join(program));
        command.env("PGPORT", self.port.to_string());
        command
    }

    /// What a statement answers: rows by line, columns by `|`.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.arg("-h").arg(self.socket()).args([
            "-U",
            USER,
            "-d",
            database,
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]);
        run(&mut psql)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
        if self.programs.user.is_some() {
            let _ = std::fs::set_permissions(self.folder.path(), std::fs::Permissions::from_mode(0o700));
        }
    }
}

impl Programs {
    fn find() -> Result<Self> {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|it| it.path()).collect();
        versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        let folder = versions.into_iter().rev().map(|path| path.join("bin")).find(|bin| bin.join("initdb").exists());
        let folder = folder.context("there is no PostgreSQL server\nhint: cargo xtask setup")?;
        let user = if rustix::process::getuid().is_root() { Some(plain_user()?) } else { None };
        Ok(Self { folder, user })
    }

    /// Runs as the user that may run a server, and ends with the thread that starts it.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some((user, group)) = self.user {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        command.arg(program.as_ref()).current_dir("/").env("LC_ALL", "C");
        command
    }

    /// A cluster that nobody has used yet.
    fn empty_cluster(&self) -> Result<PathBuf> {
        let version = self.folder.ancestors().nth(1).and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let user = self.user.map_or_else(|| rustix::process::getuid().as_raw(), |(user, _)| user);
        let made = std::env::temp_dir().join(format!("countersign-testkit-postgres-{version}-{user}"));
        if made.join("PG_VERSION").exists() {
            return Ok(made);
        }
        let making = tempfile::Builder::new().prefix("pg").tempdir()?;
        std::fs::set_permissions(making.path(), std::fs::Permissions::from_mode(0o755))?;
        if let Some((user, group)) = self.user {
            chown(making.path(), Some(user), Some(group))?;
        }
        let cluster = making.path().join("made");
        let mut initdb = self.command(self.folder.join("initdb"));
        initdb.arg("-D").arg(&cluster).args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        run(&mut initdb)?;
        // Somebody else may have been quicker.
        match std::fs::rename(&cluster, &made) {
            Err(error) if !made.join("PG_VERSION").exists() => Err(error).context("could not keep an empty cluster"),
            _ => Ok(made),
        }
    }
}

fn plain_user() -> Result<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    let of = |wanted: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(wanted))?;
        let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    of("postgres").or_else(|| of("nobody")).context("there is no user a server may run as")
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    ensure!(output.status.success(), "{command:?} said `{}`", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Where Debian puts servers, by version.
const DEBIAN: &str = "/usr/lib/postgresql";
const USER: &str = "gateway";
const FIXED: [&str; 3] = ["shared_buffers=16MB", "max_connections=40", "unix_socket_permissions=0777"];
const PORT: u16 = 5432;
const LOOKS: u32 = 600;
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
