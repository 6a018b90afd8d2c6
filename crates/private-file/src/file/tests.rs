use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::{Blame, Fault, Secret};

use super::{Draft, Openness, Standing, check, content, open, read_or_create};

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

fn make() -> Result<Secret<Vec<u8>>, Fault> {
    Ok(Secret::new(b"content".to_vec()))
}

fn never() -> Result<Secret<Vec<u8>>, Fault> {
    panic!("the file is there")
}

#[test]
fn made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    assert_eq!(read_or_create(&path, 100, make).ok().unwrap().expose(), b"content");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(read_or_create(&path, 100, never).ok().unwrap().expose(), b"content");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn of_many_at_once_one_wins_and_all_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let seen: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|number| {
                let path = &path;
                scope.spawn(move || {
                    read_or_create(path, 100, || Ok(Secret::new(vec![number; 9]))).ok().unwrap().expose().clone()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|one| one == &seen[0]), "{seen:?}");
}

#[test]
fn open_to_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for mode in [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o666] {
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let fault = read_or_create(&path, 100, never).err().unwrap();
        assert_eq!((fault.blame(), fault.code()), (Blame::Operator, "file.mode"), "{mode:o}");
        assert!(fault.to_string().contains(&format!("{mode:04o}")), "{fault}");
        assert!(fault.way_out().unwrap().starts_with("`chmod 600 "), "{fault}");
    }
}

#[test]
fn folders_pipes_and_missing_folders_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_or_create(folder.path(), 100, never).err().unwrap().code(), "file.kind");
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    assert_eq!(read_or_create(&pipe, 100, never).err().unwrap().code(), "file.kind");
    let fault = read_or_create(&folder.path().join("no/key"), 100, make).err().unwrap();
    assert_eq!(fault.code(), "file.unwritable");
}
