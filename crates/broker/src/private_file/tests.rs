use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Draft, Openness, Standing, check, content, open};

#[test]
fn which_modes_and_owners_are_refused() {
    let path = Path::new("/data/x");
    let code = |openness, mode, owner| {
        check(path, openness, &Standing { mode, owner, me: 7 }).err().map_or("ok", |fault| fault.code())
    };
    for (mode, owner_only, group_too) in [
        (0o600, "ok", "ok"),
        (0o400, "ok", "ok"),
        (0o640, "file.mode", "ok"),
        (0o660, "file.mode", "ok"),
        (0o604, "file.mode", "file.mode"),
        (0o602, "file.mode", "file.mode"),
        (0o644, "file.mode", "file.mode"),
    ] {
        assert_eq!(code(Openness::Owner, mode, 7), owner_only, "{mode:o}");
        assert_eq!(code(Openness::Group, mode, 7), group_too, "{mode:o}");
    }
    assert_eq!(code(Openness::Owner, 0o600, 8), "file.owner");
    assert_eq!(code(Openness::Group, 0o600, 8), "ok", "mounted secrets belong to root");
}

#[test]
fn the_way_out_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let fault = open(&path, Openness::Owner, 10).unwrap_err();
    assert_eq!(fault.to_string(), format!("`{}` is open to other users (mode 0644)", path.display()));
    assert!(fault.way_out().unwrap().starts_with(&format!("`chmod 600 {}`", path.display())));
    let fault = open(&path, Openness::Group, 10).unwrap_err();
    assert!(fault.way_out().unwrap().starts_with("`chmod o= "));
}

#[test]
fn only_files_of_bounded_length_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path(), Openness::Owner, 10).unwrap_err().code(), "file.kind");
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(open(&pipe, Openness::Owner, 10).unwrap_err().code(), "file.kind");
    let path = folder.path().join("x");
    assert!(open(&path, Openness::Owner, 10).unwrap().is_none());
    Draft::new(&path).ok().unwrap().replace(b"0123456789").unwrap();
    let (file, about) = open(&path, Openness::Owner, 10).unwrap().unwrap();
    assert_eq!(content(&path, file, &about).ok().unwrap().expose(), b"0123456789");
    assert_eq!(open(&path, Openness::Owner, 9).unwrap_err().code(), "file.too_long");
}

#[test]
fn drafts_replace_create_or_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let draft = || Draft::new(&path).ok().unwrap();
    draft().create(b"one").unwrap();
    draft().create(b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    draft().replace(b"three").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"three");
    draft().discard().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
    assert_eq!(Draft::new(&folder.path().join("no/x")).err().unwrap().code(), "file.unwritable");
}
