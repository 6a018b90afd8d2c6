use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use model::UnixMicros;

use super::super::State;
use super::super::apps::offers;
use super::{Account, LastRecord, account, clock, data, free, port};

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

#[test]
fn the_clock_is_neither_young_nor_set_back() {
    let at = |seconds: i64| Some(LastRecord { sequence: 118, at: UnixMicros(NOW.0 + seconds * 1_000_000) });
    for (now, last, expected) in [
        (NOW, None, State::Good),
        (NOW, at(-1), State::Good),
        (NOW, at(4), State::Good),
        (NOW, at(60), State::Bad),
        (UnixMicros(0), None, State::Bad),
    ] {
        assert_eq!(clock(now, last).state, expected, "{now:?} {last:?}");
    }
    let ahead = clock(NOW, at(60));
    assert_eq!(
        ahead.said,
        "it stands 60 s before record 118, the last one: it was set back, or was ahead when that was made"
    );
    assert!(ahead.mend.is_some_and(|mend| mend.contains("if it is right, start the gateway")));
}

#[test]
fn disk_space() {
    assert_eq!(free(1).state, State::Bad);
    assert_eq!(free(500 << 20).state, State::Doubtful);
    assert_eq!(free(5 << 30).state, State::Good);
}

#[test]
fn a_port_is_free_or_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(port(address, false).state, State::Bad);
    assert_eq!(port(address, true).state, State::Good);
    drop(listener);
    assert_eq!(port(address, false).state, State::Good);
    assert_eq!(port(address, true).state, State::Doubtful);
}

#[test]
fn an_account_with_a_shell_is_doubtful() {
    let accounts = "root:x:0:0:root:/root:/bin/bash\ncs:x:990:990::/var/lib/cs:/usr/sbin/nologin\nana:x:1000:1000::/home/ana:/bin/zsh\n";
    let state = |uid, shell: Option<&str>| account(&Account::find(accounts, uid, shell.map(str::to_owned))).state;
    assert_eq!(state(990, Some("/bin/bash")), State::Good);
    assert_eq!(state(1000, None), State::Doubtful);
    assert_eq!(state(0, None), State::Doubtful);
    assert_eq!(state(5, None), State::Doubtful);
    assert_eq!(Account::find(accounts, 1000, None).shell, Some(PathBuf::from("/bin/zsh")));
}

#[test]
fn the_data_directory_and_its_keys_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    assert_eq!(data(&path).first().unwrap().state, State::Good, "it may be missing");
    std::fs::create_dir(&path).unwrap();
    let set = |name: &str, mode: u32| {
        std::fs::set_permissions(path.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("", 0o755);
    std::fs::write(path.join("vault.key"), "x").unwrap();
    set("vault.key", 0o640);
    let checks = data(&path);
    let said: Vec<_> = checks.iter().map(|check| (check.state, check.what.as_str())).collect();
    assert_eq!(said, [(State::Bad, "data directory"), (State::Bad, "vault.key")]);
    assert_eq!(
        checks.last().unwrap().mend.as_deref(),
        Some(format!("chmod 600 {}/vault.key", path.display()).as_str())
    );
    set("", 0o700);
    set("vault.key", 0o600);
    assert_eq!(data(&path).first().unwrap().state, State::Good);
}

#[test]
fn a_data_directory_that_git_would_take_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("git").args(["init", "--quiet"]).arg(folder.path()).status().unwrap().success());
    let path = folder.path().join("data");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let check = data(&path).remove(0);
    assert_eq!((check.state, check.said.contains("into the next commit")), (State::Doubtful, true), "{check:?}");
    drop(store::DataDir::open(&path).unwrap());
    assert_eq!(data(&path).remove(0).state, State::Good);
    let add = ["add", "--force", "data/.gitignore"];
    assert!(Command::new("git").arg("-C").arg(folder.path()).args(add).status().unwrap().success());
    let check = data(&path).remove(0);
    assert_eq!((check.state, check.said.contains("git has files")), (State::Doubtful, true), "{check:?}");
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x".repeat(100));
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(data(&path).first().unwrap().mend.as_deref(), Some("choose a shorter `data:`"));
}

#[test]
fn tools_that_wait_for_a_person_are_told() {
    let offers = |statuses: &[&str]| offers("crm", statuses.iter().map(|status| (*status).to_owned()));
    assert_eq!(offers(&["pinned", "pinned"]).state, State::Good);
    assert_eq!(offers(&["pinned", "quarantined"]).said, "answers; 1 of 2 tools has changed");
    assert_eq!(offers(&["new", "pinned"]).said, "answers; 1 of 2 tools waits for your yes");
    assert_eq!(offers(&[]).state, State::Doubtful);
}
