use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::{Blame, Fault, Secret};

use super::{private, read_or_create};

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
    assert_eq!(read_or_create(&path, make).ok().unwrap().expose(), b"content");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(read_or_create(&path, never).ok().unwrap().expose(), b"content");
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
                    read_or_create(path, || Ok(Secret::new(vec![number; 9]))).ok().unwrap().expose().clone()
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
        let fault = read_or_create(&path, never).err().unwrap();
        assert_eq!((fault.blame(), fault.code()), (Blame::Operator, "key.mode"), "{mode:o}");
        assert!(fault.to_string().contains(&format!("{mode:04o}")), "{fault}");
        assert!(fault.way_out().unwrap().starts_with("`chmod 600 "), "{fault}");
    }
}

#[test]
fn of_another_user_is_refused() {
    let path = Path::new("/var/lib/countersign/signing.key");
    assert!(private(path, 0o100_600, 7, 7).is_ok());
    assert!(private(path, 0o100_400, 7, 7).is_ok());
    let fault = private(path, 0o100_600, 0, 7).unwrap_err();
    assert_eq!(fault.code(), "key.owner");
    assert!(fault.to_string().ends_with("belongs to another user (uid 0, this is uid 7)"), "{fault}");
}

#[test]
fn folders_pipes_and_missing_folders_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_or_create(folder.path(), never).err().unwrap().code(), "key.damaged");
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    assert_eq!(read_or_create(&pipe, never).err().unwrap().code(), "key.damaged");
    let fault = read_or_create(&folder.path().join("no/key"), make).err().unwrap();
    assert_eq!(fault.code(), "key.unwritable");
}
